// One example on screen; a key rates it and the next one is there.

import { make, button, turn, textOf, textBlock, answerPlace, plain, scrolling, grouped } from "./page.js";
import { Frame, put } from "./frame.js";
import { ratingGroup } from "./ratings.js";
import { differenceBlock } from "./diffs.js";
import { markdown } from "./markdown.js";

const HELP = [
  ["1 … 9, 0", "rate 1 to 9, 0 is ten"],
  ["e", "rewrite the answer; Ctrl+Enter goes on to its rating, Esc goes back"],
  ["s", "skip"],
  ["u, Ctrl+Z", "undo, as many steps as you like"],
  ["j, →, ↓ and k, ←, ↑", "next and previous"],
  ["f, t, n", "flag, tags, note"],
  ["d", "what a rewrite changed"],
  ["m", "show Markdown, or plain text"],
  ["?", "this help"],
];

class RaterView extends Frame {
  constructor(context) {
    super(context, "Rating", HELP);
  }

  keys() {
    const rate = {};
    for (let digit = 0; digit <= 9; digit += 1) rate[String(digit)] = () => this.rate(digit || 10);
    const escape = () => this.leaveRewrite();
    escape.wanted = () => this.rewritten != null;
    return {
      ...super.keys(),
      ...rate,
      Escape: escape,
      e: () => this.rewrite(),
      s: () => this.skip(),
      f: () => this.flag(),
      t: () => this.tags(),
      n: () => this.note(),
      d: () => this.difference(),
      m: () => this.format(),
    };
  }

  build() {
    super.build();
    this.paintText = plain;
    this.guideline = make(
      "details",
      { class: "ait-guideline", hidden: true },
      make("summary", {}, "Guideline"),
    );
    this.body.before(this.guideline);
    this.scroller = scrolling("Conversation", "ait-pane");
    this.pane = this.scroller.node;
    this.facts = make("div", { class: "ait-facts" });
    this.notes = make("div", { class: "ait-notes" });
    this.ratings = ratingGroup("Rating from 1 to 10", "Rate", (rating) => this.rate(rating));
    this.prompt = make("span", { class: "ait-prompt" });
    this.flagButton = button("Flag", "f", () => this.flag(), { "aria-pressed": "false" });
    this.diffButton = button("Changes", "d", () => this.difference(), { "aria-pressed": "false" });
    this.foot.append(
      make("div", { class: "ait-scale" }, this.prompt, this.ratings.node),
      make(
        "div",
        { class: "ait-tools" },
        button("Rewrite", "e", () => this.rewrite()),
        button("Skip", "s", () => this.skip()),
        button("Undo", "u", () => this.undo()),
        button("Previous", "k", () => this.move(-1)),
        button("Next", "j", () => this.move(1)),
      ),
      make(
        "div",
        { class: "ait-tools ait-second" },
        this.flagButton,
        button("Tags", "t", () => this.tags()),
        button("Note", "n", () => this.note()),
        this.diffButton,
        button("Markdown", "m", () => this.format()),
      ),
    );
  }

  rate(rating) {
    if (this.missing() || this.field) return;
    const row = this.queue.current;
    const text = this.rewritten;
    this.rewritten = null;
    if (text != null && text !== answerOf(row)) {
      this.decide(
        { kind: "rewrite", text, value: rating },
        { change: withAnswer(row, text, rating) },
        "Rewritten and rated " + rating + ".",
      );
    } else {
      this.decide({ kind: "rate", value: rating }, { change: { rating } }, "Rated " + rating + ".");
    }
  }

  skip() {
    if (this.missing() || this.field || this.rewritten != null) return;
    this.decide({ kind: "skip" }, {}, "Skipped.");
  }

  move(by) {
    if (this.rewritten != null) this.say("Rate the rewrite, or press Esc.");
    else super.move(by);
  }

  undo() {
    if (this.rewritten != null) this.leaveRewrite();
    else super.undo();
  }

  /** Put the answer into a text box; digits are text there. */
  rewrite(draft) {
    const row = this.queue.current;
    if (!row || row.messages.length === 0) return;
    const text = draft ?? this.rewritten ?? answerOf(row);
    this.rewritten = null;
    this.foot.hidden = true;
    const options = {
      label: "The answer, rewritten",
      done: "Done, rate it",
      value: text,
      rows: rowsFor(text),
    };
    this.openField(
      this.answer,
      options,
      (written) => this.textDone(written),
      (written) => this.keepDraft(written),
    );
  }

  /** The text is written; a rating has to follow before anything is saved. */
  textDone(text) {
    if (text.trim() === "") {
      this.say("An answer cannot be empty.");
      return false;
    }
    this.rewritten = text;
    this.foot.hidden = false;
    this.drawAnswer(this.queue.current);
    this.drawPrompt(null);
    this.say("Rate the rewrite: 1 to 9, 0 is ten.");
    return true;
  }

  leaveRewrite() {
    this.keepDraft(this.rewritten);
    this.rewritten = null;
    this.redraw();
  }

  /** A text that was left is not lost: it is offered until the next example. */
  keepDraft(text) {
    this.foot.hidden = false;
    const row = this.queue.current;
    if (text == null || !row || text === answerOf(row)) return;
    this.tell(
      "The rewrite was left. ",
      button("Take it up again", null, () => this.takeUp(row, text)),
    );
  }

  takeUp(row, text) {
    if (this.queue.current?.id === row.id) this.rewrite(text);
    this.tell("");
  }

  flag() {
    const row = this.queue.current;
    if (!row || this.field) return;
    const flagged = !row.flagged;
    const told = flagged ? "Flagged." : "No longer flagged.";
    this.decide({ kind: "annotate", flagged }, { change: { flagged }, onward: false }, told);
  }

  tags() {
    const row = this.queue.current;
    if (!row) return;
    const options = { label: "Tags, separated by commas", value: (row.tags ?? []).join(", "), single: true };
    this.openField(this.notes, options, (text) => {
      const tags = [...new Set(text.split(",").map((tag) => tag.trim()))].filter(Boolean);
      this.decide(
        { kind: "annotate", tags },
        { change: { tags }, onward: false },
        "Tags: " + tags.join(", "),
      );
    });
  }

  note() {
    const row = this.queue.current;
    if (!row) return;
    this.openField(this.notes, { label: "Note", value: row.note ?? "", rows: 3 }, (text) => {
      const note = text.trim();
      this.decide({ kind: "annotate", note }, { change: { note }, onward: false }, "Note kept.");
    });
  }

  difference() {
    this.diff = !this.diff;
    this.diffButton.setAttribute("aria-pressed", String(this.diff));
    if (this.queue.current && !this.field) this.drawAnswer(this.queue.current);
  }

  format() {
    if (!this.queue.current || this.field || this.rewritten != null) return;
    this.paintText = this.paintText === plain ? markdown : plain;
    this.redraw();
  }

  drawExample(row) {
    this.rewritten = null;
    this.foot.hidden = Boolean(row.deleted);
    const place = answerPlace(row.messages);
    this.answer = make("div", { class: "ait-turn ait-assistant ait-answer" });
    const turns = row.messages.map((message, index) =>
      index === place ? this.answer : turn(message, "", this.paintText),
    );
    if (place < 0) turns.push(this.answer);
    this.pane.replaceChildren(...turns);
    this.scroller.toTop();
    this.drawAnswer(row);
    this.drawFacts(row);
    if (this.pane.parentNode !== this.body) this.body.replaceChildren(this.pane, this.facts, this.notes);
    this.drawPrompt(row.rating ?? null);
    this.flagButton.setAttribute("aria-pressed", String(Boolean(row.flagged)));
    this.drawGuideline();
  }

  /** The answer under review: as it is, as it was just rewritten, or what was changed in it. */
  drawAnswer(row) {
    const now = this.rewritten ?? answerOf(row);
    const former = this.rewritten == null ? row.originalOutput : answerOf(row);
    const changed = this.diff && former != null && former !== now;
    const who = this.rewritten != null ? "Assistant, rewritten" : "Assistant";
    const none = answerPlace(row.messages) < 0 && this.rewritten == null;
    this.answer.replaceChildren(
      make(
        "div",
        { class: "ait-role" },
        row.deleted ? "Deleted meanwhile" : none ? "No answer yet" : changed ? who + ", changes" : who,
      ),
      changed ? differenceBlock(former, now) : textBlock(now, this.paintText),
    );
  }

  drawPrompt(rating) {
    put(this.prompt, this.rewritten == null ? "Rate the answer" : "Rate the rewrite");
    this.prompt.classList.toggle("ait-now", this.rewritten != null);
    this.ratings.draw(rating, this.queue.settings.threshold);
  }

  drawGuideline() {
    const text = this.queue.settings.guideline;
    if (!text || !this.guideline.hidden) return;
    this.guideline.hidden = false;
    this.guideline.append(textBlock(text));
  }

  /** What is known about the example in one line; tags, note and findings stand below. */
  drawFacts(row) {
    put(this.facts, known(row).join(" · "));
    if ((row.findings ?? []).length) {
      this.facts.append(make("ul", {}, ...row.findings.map((text) => make("li", {}, text))));
    }
    const tags = (row.tags ?? []).map((tag) => make("span", { class: "ait-tag" }, tag));
    const note = row.note ? [make("div", { class: "ait-role" }, "Note"), textBlock(row.note)] : [];
    this.notes.replaceChildren(
      ...(tags.length ? [make("div", { class: "ait-tags" }, ...tags)] : []),
      ...note,
    );
  }

  drawEnd() {
    const session = this.queue.counts.session ?? {};
    const rows = Object.entries(session).map(([name, value]) =>
      make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, String(value))),
    );
    const table = make(
      "table",
      { class: "ait-table" },
      make("caption", {}, "This session"),
      make("tbody", {}, ...rows),
    );
    const { rated, examples } = this.queue.counts;
    this.endBody(
      make("p", {}, "That was the last one. " + rated + " of " + examples + " examples are rated."),
      rows.length ? table : null,
      this.queue.settings.next ? make("p", {}, "Next: " + this.queue.settings.next) : null,
    );
  }
}

function answerOf(row) {
  return textOf(row.messages[answerPlace(row.messages)]);
}

function rowsFor(text) {
  return Math.min(24, Math.max(4, text.split("\n").length + Math.ceil(text.length / 100)));
}

function known(row) {
  if (row.deleted) return ["this example was deleted since the list was made"];
  const facts = ["example " + row.id, grouped(answerOf(row).length) + " characters"];
  if (row.n_tokens != null) facts.push(grouped(row.n_tokens) + " tokens");
  if (row.about_tokens != null) facts.push("about " + grouped(row.about_tokens) + " tokens");
  if (row.rating != null) facts.push("rated " + row.rating);
  for (const [who, rating] of Object.entries(row.ratings ?? {})) facts.push(who + ": " + rating);
  if (row.originalOutput != null) facts.push("rewritten");
  if (row.split) facts.push(row.split === "val" ? "validation" : "train");
  if (row.flagged) facts.push("flagged");
  return facts;
}

/** What a rewrite changes in the example on screen, before the kernel has answered. */
function withAnswer(row, text, rating) {
  const place = answerPlace(row.messages);
  if (place < 0) return { messages: [...row.messages, { role: "assistant", content: text }], rating };
  const messages = row.messages.map((message, index) =>
    index === place ? { ...message, content: text } : message,
  );
  return { messages, rating, originalOutput: row.originalOutput ?? answerOf(row) };
}

export default {
  render(context) {
    const view = new RaterView(context);
    return () => view.dispose();
  },
};
