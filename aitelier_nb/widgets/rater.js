// One example on screen; a key rates it and the next one is there.

import { make, button, turn, textOf, textBlock, answerPlace } from "./page.js";
import { Frame } from "./frame.js";
import { ratingGroup } from "./ratings.js";

const HELP = [
  ["1 … 9, 0", "rate 1 to 9, 0 is ten"],
  ["e", "rewrite the answer; Ctrl+Enter goes on to its rating, Esc goes back"],
  ["s", "skip"],
  ["u, Ctrl+Z", "undo, as many steps as you like"],
  ["j, →, ↓ and k, ←, ↑", "next and previous"],
  ["?", "this help"],
];

class RaterView extends Frame {
  constructor(context) {
    super(context, "Rating");
  }

  helpTexts() {
    return HELP;
  }

  keys() {
    const rate = {};
    for (let digit = 0; digit <= 9; digit += 1) rate[String(digit)] = () => this.rate(digit || 10);
    const escape = () => this.leaveRewrite();
    escape.wanted = () => this.rewritten != null;
    return { ...super.keys(), ...rate, e: () => this.rewrite(), s: () => this.skip(), Escape: escape };
  }

  typing() {
    return { "Ctrl+Enter": () => this.textDone(), Escape: () => this.leaveRewrite() };
  }

  build() {
    super.build();
    this.guideline = make("details", { class: "ait-guideline", hidden: true }, make("summary", {}, "Guideline"));
    this.body.before(this.guideline);
    this.pane = make("div", { class: "ait-pane", tabindex: "0", role: "group", "aria-label": "Conversation" });
    this.ratings = ratingGroup("Rating from 1 to 10", "Rate", (rating) => this.rate(rating));
    this.prompt = make("span", { class: "ait-prompt" });
    this.tools = make("div", { class: "ait-tools" },
      button("Rewrite", "e", () => this.rewrite()), button("Skip", "s", () => this.skip()), button("Undo", "u", () => this.undo()),
      button("Previous", "k", () => this.move(-1)), button("Next", "j", () => this.move(1)));
    this.foot.append(make("div", { class: "ait-scale" }, this.prompt, this.ratings.node), this.tools);
  }

  rate(rating) {
    const row = this.queue.current;
    if (!row || this.box) return;
    const text = this.rewritten;
    this.rewritten = null;
    if (text != null && text !== answerOf(row)) {
      this.queue.decide({ kind: "rewrite", text, value: rating }, { change: withAnswer(row, text, rating) });
      this.say("Rewritten and rated " + rating + ".");
    } else {
      this.queue.decide({ kind: "rate", value: rating }, { change: { rating } });
      this.say("Rated " + rating + ".");
    }
  }

  skip() {
    if (!this.queue.current || this.rewritten != null) return;
    this.queue.decide({ kind: "skip" });
    this.say("Skipped.");
  }

  move(by) {
    if (this.rewritten != null) return this.say("Rate the rewrite, or press Esc.");
    super.move(by);
  }

  undo() {
    if (this.rewritten != null) return this.leaveRewrite();
    super.undo();
  }

  /** Put the answer into a text box; digits are text there. */
  rewrite() {
    const row = this.queue.current;
    if (!row || this.box || this.queue.gone) return;
    const draft = this.rewritten ?? answerOf(row);
    this.rewritten = null;
    this.box = make("textarea", { class: "ait-box", "aria-label": "The answer, rewritten", dir: "auto", spellcheck: "true" });
    this.box.value = draft;
    this.box.rows = Math.min(24, Math.max(6, draft.split("\n").length + Math.ceil(draft.length / 90)));
    this.answer.replaceChildren(this.box, make("div", { class: "ait-tools" },
      button("Done, rate it", "Ctrl+Enter", () => this.textDone()), button("Cancel", "Esc", () => this.leaveRewrite())));
    this.foot.hidden = true;
    this.box.focus();
  }

  /** The text is written; a rating has to follow before anything is saved. */
  textDone() {
    if (!this.box) return;
    this.rewritten = this.box.value;
    if (this.rewritten.trim() === "") {
      this.rewritten = null;
      return this.say("An answer cannot be empty.");
    }
    this.box = null;
    this.foot.hidden = false;
    this.answer.replaceChildren(make("div", { class: "ait-role" }, "Assistant, rewritten"), textBlock(this.rewritten));
    this.drawPrompt(null);
    this.root.focus({ preventScroll: true });
    this.say("Rate the rewrite: 1 to 9, 0 is ten.");
  }

  leaveRewrite() {
    if (!this.box && this.rewritten == null) return;
    this.foot.hidden = false;
    this.drawExample(this.queue.current);
    this.root.focus({ preventScroll: true });
  }

  drawExample(row) {
    this.box = null;
    this.rewritten = null;
    const place = answerPlace(row.messages);
    const turns = row.messages.map((message, index) => turn(message, index === place ? "ait-answer" : ""));
    this.answer = turns[place] ?? make("div", { class: "ait-turn ait-answer" }, "This example has no answer yet.");
    if (place < 0) turns.push(this.answer);
    this.pane.replaceChildren(...turns);
    this.pane.scrollTop = 0;
    this.factsNow?.remove();
    this.factsNow = this.facts(row);
    if (this.pane.parentNode === this.body) this.body.append(this.factsNow);
    else this.body.replaceChildren(this.pane, this.factsNow);
    this.drawPrompt(row.rating ?? null);
    this.drawGuideline();
  }

  drawPrompt(rating) {
    this.prompt.textContent = this.rewritten == null ? "Rate the answer" : "Rate the rewrite";
    this.prompt.classList.toggle("ait-now", this.rewritten != null);
    this.ratings.draw(rating, this.queue.settings.threshold);
  }

  drawGuideline() {
    const text = this.queue.settings.guideline;
    if (!text || !this.guideline.hidden) return;
    this.guideline.hidden = false;
    this.guideline.append(textBlock(text));
  }

  /** What is known about the example, in one line; findings stand below, a line each. */
  facts(row) {
    const known = ["example " + row.id, answerOf(row).length.toLocaleString("en") + " characters"];
    if (row.rating != null) known.push("rated " + row.rating);
    if (row.originalOutput != null) known.push("rewritten");
    if (row.split) known.push(row.split === "val" ? "validation" : "train");
    const findings = (row.findings ?? []).map((text) => make("li", {}, text));
    return make("div", { class: "ait-facts" }, known.join(" · "), findings.length ? make("ul", {}, ...findings) : null);
  }

  drawEnd() {
    this.body.replaceChildren(make("div", { class: "ait-end" }, make("p", {}, "That was the last one."),
      button("Previous", "k", () => this.move(-1)), button("Undo", "u", () => this.undo())));
  }
}

function answerOf(row) {
  return textOf(row.messages[answerPlace(row.messages)]);
}

/** What a rewrite changes in the example on screen, before the kernel has answered. */
function withAnswer(row, text, rating) {
  const place = answerPlace(row.messages);
  const messages = row.messages.map((message, index) => (index === place ? { ...message, content: text } : message));
  return { messages, rating, originalOutput: row.originalOutput ?? answerOf(row) };
}

export default {
  render(context) {
    const view = new RaterView(context);
    return () => view.dispose();
  },
};
