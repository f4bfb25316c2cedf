// What was expected beside what the model said; a key scores it.

import { make, button, turn, textBlock, scrolling } from "./page.js";
import { Frame } from "./frame.js";
import { ratingGroup } from "./ratings.js";
import { differenceBlock } from "./diffs.js";

const HELP = [
  ["1 … 9, 0", "score 1 to 9, 0 is ten"],
  ["n", "note; Ctrl+Enter keeps it, Esc goes back"],
  ["a", "make it a new example, to be rewritten and rated"],
  ["s", "skip"],
  ["u, Ctrl+Z", "undo"],
  ["j, →, ↓ and k, ←, ↑", "next and previous"],
  ["d", "what differs from the expected answer"],
  ["l", "side by side, or one above the other"],
  ["?", "this help"],
];

class ScorerView extends Frame {
  constructor(context) {
    super(context, "Scoring", HELP);
  }

  keys() {
    const score = {};
    for (let digit = 0; digit <= 9; digit += 1) score[String(digit)] = () => this.score(digit || 10);
    return {
      ...super.keys(),
      ...score,
      n: () => this.note(),
      s: () => this.skip(),
      a: () => this.adopt(),
      l: () => this.stack(),
      d: () => this.difference(),
    };
  }

  build() {
    super.build();
    this.pane = make("div", {
      class: "ait-pane ait-asked",
      tabindex: "0",
      role: "group",
      "aria-label": "Question",
    });
    this.scrollers = ["Expected", "Actual"].map((name) => scrolling(name, "ait-side"));
    this.sides = this.scrollers.map((one) => one.node);
    this.pair = make("div", { class: "ait-pair" }, ...this.sides);
    this.notes = make("div", { class: "ait-notes" });
    this.facts = make("div", { class: "ait-facts" });
    this.ratings = ratingGroup("Score from 1 to 10", "Score", (score) => this.score(score));
    this.foot.append(
      make(
        "div",
        { class: "ait-scale" },
        make("span", { class: "ait-prompt" }, "Score the actual answer"),
        this.ratings.node,
      ),
      make(
        "div",
        { class: "ait-tools" },
        button("Note", "n", () => this.note()),
        button("Make an example", "a", () => this.adopt()),
        button("Skip", "s", () => this.skip()),
        button("Undo", "u", () => this.undo()),
        button("Previous", "k", () => this.move(-1)),
        button("Next", "j", () => this.move(1)),
        button("Differences", "d", () => this.difference()),
        button("Layout", "l", () => this.stack()),
      ),
    );
  }

  stack() {
    this.pair.classList.toggle("ait-stacked");
  }

  scroll(pages) {
    this.sides.forEach((side) => side.scrollBy(0, pages * side.clientHeight));
  }

  score(score) {
    if (this.missing() || this.field) return;
    this.decide({ kind: "score", value: score }, { change: { score } }, "Scored " + score + ".");
  }

  skip() {
    if (this.missing() || this.field) return;
    this.decide({ kind: "skip" }, {}, "Skipped.");
  }

  /** Keep the question with the model's answer as a new example. */
  adopt() {
    const row = this.queue.current;
    if (!row || row.adopted) return;
    this.decide(
      { kind: "example" },
      { change: { adopted: true }, onward: false },
      "A new example, not yet rated.",
    );
  }

  note() {
    const row = this.queue.current;
    if (!row) return;
    this.openField(this.notes, { label: "Note", value: row.note ?? "", rows: 3 }, (text) => {
      const note = text.trim();
      this.decide({ kind: "note", note }, { change: { note }, onward: false }, "Note kept.");
    });
  }

  /** Mark in the actual answer what differs from the expected one. */
  difference() {
    this.diff = !this.diff;
    this.redraw();
  }

  drawExample(row) {
    this.pane.replaceChildren(...row.messages.map((message) => turn(message)));
    this.fill(this.sides[0], "Expected", row.expected ?? "");
    const name = row.label ? "Actual: " + row.label : "Actual";
    if (this.diff)
      this.sides[1].replaceChildren(
        make("div", { class: "ait-role" }, name),
        differenceBlock(row.expected ?? "", row.actual ?? ""),
      );
    else this.fill(this.sides[1], name, row.actual ?? "");
    this.scrollers.forEach((one) => one.toTop());
    this.notes.replaceChildren(
      ...(row.note ? [make("div", { class: "ait-role" }, "Note"), textBlock(row.note)] : []),
    );
    const checks = (row.checks ?? []).map((text) => make("li", {}, text));
    const adopted = row.adopted ? " · made an example" : "";
    this.facts.replaceChildren(
      "example " + row.id + adopted,
      ...(checks.length ? [make("ul", {}, ...checks)] : []),
    );
    if (this.pair.parentNode !== this.body)
      this.body.replaceChildren(this.pane, this.pair, this.notes, this.facts);
    this.ratings.draw(row.score ?? null, this.queue.settings.threshold);
  }

  fill(side, name, text) {
    side.replaceChildren(make("div", { class: "ait-role" }, name), textBlock(text));
  }

  drawEnd() {
    const { scored, total } = this.queue.counts;
    const left =
      scored < total
        ? "That was the last one; " + (total - scored) + " have no score yet."
        : "Every answer has a score.";
    this.endBody(make("p", {}, left));
  }
}

export default {
  render(context) {
    const view = new ScorerView(context);
    return () => view.dispose();
  },
};
