// All examples of a project in a table that only ever holds the rows on screen.

import { make, button, turn, textOf, answerPlace, grouped } from "./page.js";
import { Panel, field, choice } from "./panel.js";
import { ratingGroup } from "./ratings.js";

const ROW = 30; // height of a row in pixels
const SCREEN = 14; // rows on screen
const PAGE = 100; // rows asked for at once
const COLUMNS = [
  ["id", "Id"],
  ["rating", "Rating"],
  ["split", "Split"],
  ["input", "Input"],
  ["output", "Answer"],
  ["n_chars", "Length"],
];

class TableView extends Panel {
  constructor(context) {
    super(context, "Examples");
    this.query = { sort: "id", descending: false };
    this.pages = new Map();
    this.build();
  }

  typing() {
    return {
      Enter: (event) => (event.target === this.search ? this.find() : false),
      Escape: () => this.root.focus(),
      "Ctrl+Enter": () => this.saveText?.(),
    };
  }

  build() {
    this.count = make("span", { class: "ait-where", role: "status" });
    this.search = make("input", { class: "ait-input", type: "search", oninput: () => this.later() });
    this.rated = choice(
      [
        ["", "all"],
        ["yes", "rated"],
        ["no", "unrated"],
        ["low", "below the threshold"],
        ["high", "at or above it"],
        ["flagged", "flagged"],
      ],
      () => this.find(),
    );
    this.part = choice(
      [
        ["", "any split"],
        ["train", "train"],
        ["val", "validation"],
        ["none", "unassigned"],
      ],
      () => this.find(),
    );
    this.head.append(this.count);
    const filters = make(
      "div",
      { class: "ait-filters" },
      field("Search", this.search),
      field("Rating", this.rated),
      field("Split", this.part),
    );
    this.heads = COLUMNS.map(([name, label]) => this.columnHead(name, label));
    this.rows = make("div", { class: "ait-rows", role: "presentation" });
    this.space = make("div", { class: "ait-space", role: "presentation" }, this.rows);
    this.scroller = make(
      "div",
      {
        class: "ait-scroller",
        tabindex: "0",
        role: "rowgroup",
        onscroll: () => this.paint(),
      },
      this.space,
    );
    this.tall = 1;
    this.table = make(
      "div",
      { class: "ait-grid", role: "table", "aria-label": "Examples" },
      make(
        "div",
        { role: "rowgroup" },
        make("div", { class: "ait-row ait-heads", role: "row" }, ...this.heads),
      ),
      this.scroller,
    );
    this.detail = make("div", { class: "ait-detail", hidden: true });
    this.body.append(filters, this.table, this.detail);
  }

  columnHead(name, label) {
    const sort = make("button", { type: "button", class: "ait-sort", onclick: () => this.sort(name) }, label);
    return make(
      "div",
      {
        role: "columnheader",
        class: "ait-cell ait-col-" + name,
        "aria-sort": name === "id" ? "ascending" : "none",
      },
      sort,
    );
  }

  welcome(message) {
    this.settings = message.settings;
    this.found(message);
  }

  sort(name) {
    this.query.descending = this.query.sort === name && !this.query.descending;
    this.query.sort = name;
    this.heads.forEach((head, place) => {
      const order = this.query.descending ? "descending" : "ascending";
      head.setAttribute("aria-sort", COLUMNS[place][0] === name ? order : "none");
    });
    this.find();
  }

  /** Search once the typing rests. */
  later() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.find(), 200);
  }

  async find() {
    clearTimeout(this.resting);
    Object.assign(this.query, { text: this.search.value, rated: this.rated.value, split: this.part.value });
    const asked = JSON.stringify(this.query);
    const answer = await this.ask({ kind: "fetch", query: { ...this.query }, start: 0, n: PAGE });
    if (answer && asked === JSON.stringify(this.query)) this.found(answer);
  }

  found(answer) {
    this.total = answer.total;
    this.pages = new Map([[0, answer.rows]]);
    this.space.style.height = Math.max(1, this.total) * ROW + "px";
    this.tall = Math.max(this.tall, Math.min(SCREEN, this.total)); // a search that finds less moves nothing
    this.scroller.style.height = this.tall * ROW + "px";
    this.table.setAttribute("aria-rowcount", String(this.total + 1));
    this.count.textContent = grouped(this.total) + (this.total === 1 ? " example" : " examples");
    this.scroller.scrollTop = 0;
    this.paint();
  }

  /** Draw the rows on screen; pages that are missing are asked for. */
  paint() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - 3);
    const last = Math.min(this.total, first + SCREEN + 6);
    const drawn = [];
    for (let place = first; place < last; place += 1) drawn.push(this.rowAt(place));
    this.rows.style.transform = "translateY(" + first * ROW + "px)";
    this.rows.replaceChildren(...drawn);
  }

  rowAt(place) {
    const page = Math.floor(place / PAGE);
    const row = this.pages.get(page)?.[place - page * PAGE];
    if (!this.pages.has(page)) this.load(page);
    const cells = COLUMNS.map(([name]) =>
      make("div", { class: "ait-cell ait-col-" + name, role: "cell", dir: "auto" }, this.cell(row, name)),
    );
    return make(
      "div",
      { class: "ait-row", role: "row", "aria-rowindex": place + 2, onclick: () => row && this.open(row.id) },
      ...cells,
    );
  }

  cell(row, name) {
    if (!row) return name === "input" ? "…" : "";
    const value = row[name];
    if (name === "id")
      return make(
        "button",
        {
          type: "button",
          class: "ait-link",
          "aria-label": "Open example " + value,
          onclick: () => this.open(value),
        },
        String(value),
      );
    if (name === "split") return { train: "train", val: "validation" }[value] ?? "";
    return value == null ? "" : String(value);
  }

  async load(page) {
    this.pages.set(page, []);
    const asked = this.pages;
    const answer = await this.ask({ kind: "fetch", query: { ...this.query }, start: page * PAGE, n: PAGE });
    if (!answer || asked !== this.pages) return;
    this.pages.set(page, answer.rows);
    this.paint();
  }

  async open(id) {
    const answer = await this.ask({ kind: "fetch", id });
    if (answer) this.drawDetail(answer.example, answer.history ?? []);
  }

  drawDetail(row, history) {
    this.row = row;
    const last = answerPlace(row.messages);
    const turns = row.messages.map((message, place) =>
      place === last ? this.editor(row, message) : turn(message),
    );
    const ratings = ratingGroup("Rating from 1 to 10", "Rate", (value) => this.edit({ kind: "rate", value }));
    ratings.draw(row.rating ?? null, this.settings.threshold);
    const part = choice(
      [
        ["", "unassigned"],
        ["train", "train"],
        ["val", "validation"],
      ],
      () => this.edit({ kind: "split", value: part.value || null }),
    );
    part.value = row.split ?? "";
    const tools = make(
      "div",
      { class: "ait-tools" },
      button("Delete", null, () => this.edit({ kind: "delete" })),
      button("Undo", null, () => this.edit({ kind: "undo", of: null })),
      button("Close", null, () => this.close()),
    );
    const past = make(
      "details",
      {},
      make("summary", {}, "History: " + history.length + (history.length === 1 ? " edit" : " edits")),
      ...history.map(pastEdit),
    );
    this.detail.replaceChildren(
      make("div", { class: "ait-role" }, "Example " + row.id),
      ...turns,
      make(
        "div",
        { class: "ait-scale" },
        ratings.node,
        this.settings.splits === false ? null : field("Split", part),
      ),
      tools,
      past,
    );
    this.detail.hidden = false;
  }

  editor(row, message) {
    const box = make("textarea", { class: "ait-box", rows: 5, "aria-label": "The answer", dir: "auto" });
    box.value = textOf(message);
    this.saveText = () => this.edit({ kind: "rewrite", text: box.value, value: null });
    return make(
      "div",
      { class: "ait-turn ait-answer" },
      make("div", { class: "ait-role" }, "Assistant"),
      box,
      button("Save the text, then rate it", "Ctrl+Enter", () => this.saveText()),
    );
  }

  close() {
    this.detail.hidden = true;
    this.scroller.focus();
  }

  async edit(edit) {
    const row = this.row;
    const answer = await this.ask({ id: row.id, version: row.version, before: row.rating ?? null, ...edit });
    if (!answer) return;
    this.tell({ delete: "Deleted.", undo: "Undone." }[edit.kind] ?? "Saved.");
    if (edit.kind === "delete") this.close();
    else await this.open(answer.example?.id ?? row.id);
    this.pages = new Map();
    this.paint();
  }
}

function pastEdit(edit) {
  const facts = [edit.at, edit.by, edit.kind].filter(Boolean).join(" · ");
  const values = ["before", "after"].map((key) =>
    make("div", { class: "ait-text" }, key + ": " + JSON.stringify(edit[key] ?? null, null, 1)),
  );
  return make("div", { class: "ait-past" }, make("div", { class: "ait-role" }, facts), ...values);
}

export default {
  render(context) {
    const view = new TableView(context);
    return () => view.dispose();
  },
};
