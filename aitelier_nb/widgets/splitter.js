// The split as a picture: what each rating gives to train and to validation, and what a ratio would change.

import { make, button } from "./page.js";
import { Panel, field } from "./panel.js";

const PARTS = [
  ["train", "train"],
  ["val", "validation"],
  ["unassigned", "unassigned"],
];

class SplitView extends Panel {
  constructor(context) {
    super(context, "Split");
    this.summary = make("p", { role: "status", class: "ait-where" });
    this.slider = make("input", {
      type: "range",
      min: "50",
      max: "95",
      step: "1",
      class: "ait-slider",
      oninput: () => this.later(),
    });
    this.percent = make("output", {});
    this.apply = button("Split the unassigned", null, () => this.split());
    this.controls = make(
      "div",
      { class: "ait-tools" },
      field("Share of train", this.slider),
      this.percent,
      this.apply,
    );
    this.picture = make("div", { class: "ait-strata", "aria-hidden": "true" });
    this.legend = make(
      "div",
      { class: "ait-legend", "aria-hidden": "true" },
      ...PARTS.map(([part, name]) => make("span", {}, make("i", { class: "ait-part ait-" + part }), name)),
    );
    this.table = make("table", { class: "ait-table" });
    this.notes = make("ul", {});
    this.body.append(
      this.summary,
      this.controls,
      this.legend,
      make("div", { class: "ait-split" }, this.picture, this.table),
      this.notes,
    );
  }

  welcome(message) {
    this.slider.value = String(Math.round(100 * message.state.ratio));
    this.draw(message.state);
    if (message.settings?.preview) this.preview();
  }

  later() {
    this.percent.textContent = this.slider.value + " %";
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.preview(), 80);
  }

  async preview() {
    const asked = this.slider.value;
    const answer = await this.ask({ kind: "fetch", ratio: Number(asked) / 100 });
    if (answer && asked === this.slider.value) this.draw(answer.state);
  }

  async split() {
    const answer = await this.ask({ kind: "split", ratio: Number(this.slider.value) / 100 });
    if (!answer) return;
    this.tell("Split: " + answer.state.train + " train, " + answer.state.val + " validation.");
    this.draw(answer.state);
  }

  draw(state) {
    this.percent.textContent = this.slider.value + " %";
    const preview = state.preview ? "Preview, nothing is written: " : "";
    this.summary.textContent =
      preview + state.train + " train, " + state.val + " validation, " + state.unassigned + " unassigned.";
    this.apply.disabled = !state.preview || !state.changes;
    const most = Math.max(1, ...state.strata.map((one) => one.train + one.val + one.unassigned));
    this.picture.replaceChildren(...state.strata.map((one) => bar(one, most)));
    this.table.replaceChildren(
      make("caption", {}, "By rating"),
      head(),
      make("tbody", {}, ...state.strata.map(line)),
    );
    this.notes.replaceChildren(...(state.notes ?? []).map((text) => make("li", {}, text)));
  }
}

function bar(stratum, most) {
  const parts = PARTS.filter(([part]) => stratum[part] > 0).map(([part]) => {
    const piece = make("span", { class: "ait-part ait-" + part });
    piece.style.width = (100 * stratum[part]) / most + "%";
    return piece;
  });
  return make(
    "div",
    { class: "ait-bar-row" },
    make("b", {}, String(stratum.rating)),
    make("div", { class: "ait-stack" }, ...parts),
  );
}

function head() {
  const names = ["Rating", ...PARTS.map(([, name]) => name), "quota of validation"];
  return make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));
}

function line(stratum) {
  const cells = [...PARTS.map(([part]) => stratum[part]), stratum.quota ?? ""];
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, String(stratum.rating)),
    ...cells.map((value) => make("td", {}, String(value))),
  );
}

export default {
  render(context) {
    const view = new SplitView(context);
    return () => view.dispose();
  },
};
