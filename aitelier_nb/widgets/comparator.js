// Two answers to the same question, side by side; nothing in the page tells whose they are.

import { make, button, turn, textBlock, scrolling } from "./page.js";
import { Frame } from "./frame.js";
import { differenceBlock } from "./diffs.js";

const HELP = [
  ["1, 2", "answer 1 or answer 2 is better"],
  ["0", "a tie"],
  ["b", "both are bad"],
  ["u, Ctrl+Z", "undo"],
  ["j, →, ↓ and k, ←, ↑", "next and previous"],
  ["d", "what differs"],
  ["l", "side by side, or one above the other"],
  ["?", "this help"],
];
const CHOICES = [
  ["left", "1", "Answer 1 is better"],
  ["right", "2", "Answer 2 is better"],
  ["tie", "0", "Tie"],
  ["bad", "b", "Both bad"],
];

class ComparatorView extends Frame {
  constructor(context) {
    super(context, "Blind comparison", HELP);
  }

  keys() {
    const votes = Object.fromEntries(CHOICES.map(([choice, key]) => [key, () => this.vote(choice)]));
    return { ...super.keys(), ...votes, l: () => this.stack(), d: () => this.difference() };
  }

  build() {
    super.build();
    this.question = make("p", { class: "ait-question", hidden: true });
    this.pane = make("div", {
      class: "ait-pane ait-asked",
      tabindex: "0",
      role: "group",
      "aria-label": "Question",
    });
    this.scrollers = ["Answer 1", "Answer 2"].map((name) => scrolling(name, "ait-side"));
    this.sides = this.scrollers.map((one) => one.node);
    this.pair = make("div", { class: "ait-pair" }, ...this.sides);
    this.sides.forEach((side, place) =>
      side.addEventListener("scroll", () => this.follow(side, this.sides[1 - place])),
    );
    this.choices = CHOICES.map(([choice, key, label]) =>
      button(label, key, () => this.vote(choice), { "aria-pressed": "false" }),
    );
    this.foot.append(
      make("div", { class: "ait-tools", role: "group", "aria-label": "Your vote" }, ...this.choices),
      make(
        "div",
        { class: "ait-tools ait-second" },
        button("Undo", "u", () => this.undo()),
        button("Previous", "k", () => this.move(-1)),
        button("Next", "j", () => this.move(1)),
        button("Differences", "d", () => this.difference()),
        button("Layout", "l", () => this.stack()),
      ),
    );
  }

  /** Scroll the other side by the same share of its way. */
  follow(from, to) {
    const way = from.scrollHeight - from.clientHeight;
    const place = way > 0 ? (from.scrollTop / way) * (to.scrollHeight - to.clientHeight) : 0;
    if (Math.abs(to.scrollTop - place) > 1) to.scrollTop = place;
  }

  scroll(pages) {
    this.sides.forEach((side) => side.scrollBy(0, pages * side.clientHeight));
  }

  /** Mark in answer 2 what differs from answer 1. */
  difference() {
    this.diff = !this.diff;
    this.redraw();
  }

  stack() {
    this.pair.classList.toggle("ait-stacked");
  }

  vote(choice) {
    if (this.missing()) return;
    const told = CHOICES.find(([name]) => name === choice)[2] + ".";
    this.decide({ kind: "vote", choice }, { change: { choice } }, told);
  }

  drawExample(row) {
    const asked = row.messages.map((message) => turn(message));
    this.pane.replaceChildren(...asked);
    this.sides.forEach((side, place) => {
      side.replaceChildren(
        make("div", { class: "ait-role" }, "Answer " + (place + 1)),
        place === 1 && this.diff
          ? differenceBlock(row.left, row.right)
          : textBlock(place === 0 ? row.left : row.right),
      );
      this.scrollers[place].toTop();
    });
    if (this.pair.parentNode !== this.body) this.body.replaceChildren(this.question, this.pane, this.pair);
    this.question.textContent = this.queue.settings.question ?? "";
    this.question.hidden = !this.queue.settings.question;
    CHOICES.forEach(([choice], place) =>
      this.choices[place].setAttribute("aria-pressed", String(row.choice === choice)),
    );
  }

  drawEnd() {
    this.endBody(make("p", {}, this.endText()));
  }

  endText() {
    const { voted, total } = this.queue.counts;
    return voted < total
      ? "That was the last pair; " + (total - voted) + " have no vote yet."
      : "Every pair has a vote. Reveal the result in a cell of its own.";
  }
}

export default {
  render(context) {
    const view = new ComparatorView(context);
    return () => view.dispose();
  },
};
