// What rating, scoring and comparing have in common: where one is, what is saved, help, undo, moving, the end.

import { make, button, afterPaint } from "./page.js";
import { listen } from "./keys.js";
import { Queue } from "./queue.js";

/** Base of the views that show one example at a time. A subclass draws the example and gives the keys. */
export class Frame {
  constructor({ model, el }, title, help) {
    this.title = title;
    this.helpTexts = help;
    this.field = null;
    this.shown = null;
    this.root = make("section", {
      class: "ait",
      tabindex: "0",
      "aria-label": title,
      "data-lm-suppress-shortcuts": "true",
    });
    this.build();
    el.append(this.root);
    listen(this.root, this.keys(), this.typing());
    this.root.addEventListener("click", (event) => this.take(event));
    this.queue = new Queue(model, (what, message) => this.changed(what, message), { later: afterPaint });
    this.draw();
  }

  /** Keys outside of text boxes; a subclass adds its own. */
  keys() {
    const back = () => this.move(-1);
    const on = () => this.move(1);
    const undo = () => this.undo();
    return {
      ArrowLeft: back,
      ArrowUp: back,
      k: back,
      ArrowRight: on,
      ArrowDown: on,
      j: on,
      u: undo,
      "Ctrl+z": undo,
      "?": () => this.help(),
      PageDown: () => this.scroll(0.9),
      PageUp: () => this.scroll(-0.9),
      " ": () => this.scroll(0.9),
    };
  }

  /** Keys in text boxes: everything else there is text. */
  typing() {
    return {
      "Ctrl+Enter": () => this.fieldDone(),
      Enter: () => (this.field?.single ? this.fieldDone() : false),
      Escape: () => this.fieldLeft(),
    };
  }

  /** Open a text box in place of `home`; `save` gets its text and may keep it open by returning false. */
  openField(home, { label, value, rows = 3, single = false, done = "Keep" }, save, left = null) {
    if (this.field || this.queue.gone) return;
    const box = single
      ? make("input", { class: "ait-box", type: "text", "aria-label": label, dir: "auto" })
      : make("textarea", { class: "ait-box", rows, "aria-label": label, dir: "auto" });
    box.value = value;
    this.field = { box, save, left, single };
    const buttons = [
      button(done, single ? "Enter" : "Ctrl+Enter", () => this.fieldDone()),
      button("Cancel", "Esc", () => this.fieldLeft()),
    ];
    home.replaceChildren(
      make("div", { class: "ait-role", "aria-hidden": "true" }, label),
      box,
      make("div", { class: "ait-tools" }, ...buttons),
    );
    box.focus();
  }

  fieldDone() {
    if (!this.field) return;
    const field = this.field;
    const { box, save } = field;
    this.field = null;
    if (save(box.value) === false) {
      this.field = field;
      return;
    }
    this.root.focus({ preventScroll: true });
    this.draw();
  }

  fieldLeft() {
    if (!this.field) return;
    const { box, left } = this.field;
    this.field = null;
    this.redraw();
    left?.(box.value);
  }

  /** Draw the example again as it stands. */
  redraw() {
    this.shown = null;
    this.root.focus({ preventScroll: true });
    this.draw();
  }

  /** True when no example is on screen; a key that comes too early is told, not kept for what nobody saw. */
  missing() {
    if (this.queue.current) return false;
    if (!this.queue.atEnd) this.tell("Still loading: that key was not taken.");
    return true;
  }

  /** Hand a decision to the queue and say aloud what was done; nothing is taken once the kernel is gone. */
  decide(edit, options, told) {
    if (this.queue.decide(edit, options)) this.say(told);
    else if (this.queue.gone) this.say(this.goneText());
  }

  build() {
    this.where = make("span", { class: "ait-where" });
    this.bar = make("progress", { class: "ait-bar", max: "1", value: "0", "aria-label": "Progress" });
    this.saving = make("span", { class: "ait-saving" });
    this.live = make("span", { class: "ait-live", role: "status", "aria-live": "polite" });
    this.banner = make("div", { class: "ait-banner", role: "alert", hidden: true });
    this.told = make("div", { class: "ait-told", hidden: true });
    this.body = make("div", { class: "ait-body" });
    this.foot = make("div", { class: "ait-foot" });
    this.helpBox = make("div", { class: "ait-help", hidden: true }, ...this.helpLines());
    this.helpButton = button("Help", "?", () => this.help(), { "aria-expanded": "false" });
    const head = make(
      "div",
      { class: "ait-head" },
      make("strong", {}, this.title),
      this.where,
      this.bar,
      this.saving,
      this.helpButton,
    );
    this.root.append(head, this.live, this.banner, this.told, this.helpBox, this.body, this.foot);
  }

  helpLines() {
    const rows = this.helpTexts.map(([keys, what]) =>
      make("tr", {}, make("th", { scope: "row" }, keys), make("td", {}, what)),
    );
    return [
      make(
        "table",
        {},
        make("caption", {}, "Keys, once the widget has been clicked"),
        make("tbody", {}, ...rows),
      ),
    ];
  }

  /** A click anywhere gives the widget the keyboard, unless it chose or selected something. */
  take(event) {
    if (event.target.closest("button, textarea, input, select, summary, a, [tabindex='0']:not(.ait)")) return;
    if (String(globalThis.getSelection?.() ?? "") !== "") return;
    this.root.focus({ preventScroll: true });
  }

  help() {
    this.helpBox.hidden = !this.helpBox.hidden;
    this.helpButton.setAttribute("aria-expanded", String(!this.helpBox.hidden));
  }

  scroll(pages) {
    const pane = this.root.querySelector(".ait-pane");
    pane?.scrollBy(0, pages * pane.clientHeight);
  }

  move(by) {
    if (this.field) return;
    this.queue.go(this.queue.place + by);
  }

  undo() {
    if (this.field) return;
    if (this.queue.undo()) this.say("Undone.");
  }

  say(text) {
    this.live.textContent = text;
  }

  tell(text, ...more) {
    this.told.replaceChildren(text, ...more);
    this.told.hidden = !text;
  }

  changed(what, message) {
    if (!this.queue) return;
    if (what === "refused" || what === "failed")
      this.tell([message.error, message.hint].filter(Boolean).join(": "));
    if (what === "adopted") this.tell(this.queue.adopted + " from before the interruption: being saved now.");
    if (what === "saved" && this.queue.atEnd) this.ended = null;
    if (what === "place" && !this.told.hidden && this.queue.others.length === 0) this.tell("");
    this.draw();
  }

  /** Paint what changed; the keyboard stays with the widget when the element that had it is replaced. */
  draw() {
    const focused = this.root.contains(document.activeElement);
    this.paint();
    if (focused && !this.root.contains(document.activeElement)) this.root.focus({ preventScroll: true });
  }

  paint() {
    const queue = this.queue;
    const moved = queue.place !== this.at;
    if ((queue.current !== this.shown || queue.atEnd !== this.ended) && (moved || !this.writing)) {
      this.at = queue.place;
      this.field = null;
      this.shown = queue.current;
      this.ended = queue.atEnd;
      if (queue.atEnd) this.drawEnd();
      else if (queue.current) this.drawExample(queue.current);
      else
        this.body.replaceChildren(
          make("p", { class: "ait-loading" }, queue.ready ? "Loading…" : "Waiting for the kernel…"),
        );
      this.foot.hidden = queue.atEnd || !queue.current || Boolean(queue.current.deleted);
    }
    this.drawState();
  }

  /** While somebody writes, an answer of the kernel does not redraw the example under the pen. */
  get writing() {
    return this.field !== null || this.rewritten != null;
  }

  drawState() {
    const queue = this.queue;
    const where = queue.ready
      ? queue.atEnd
        ? "end of " + queue.total
        : queue.place + 1 + " of " + queue.total
      : "";
    put(this.where, where);
    const last = Math.max(1, queue.total);
    if (this.bar.max !== last) this.bar.max = last;
    this.bar.value = queue.place;
    const waits = queue.late || queue.unsaved > 3;
    put(this.saving, waits ? queue.unsaved + " not yet saved" : this.savedText());
    this.banner.hidden = !queue.gone;
    if (queue.gone) put(this.banner, this.goneText());
    this.root.classList.toggle("ait-gone", queue.gone);
  }

  endBody(...parts) {
    const tools = make(
      "div",
      { class: "ait-tools" },
      button("Previous", "k", () => this.move(-1)),
      button("Undo", "u", () => this.undo()),
    );
    this.body.replaceChildren(make("div", { class: "ait-end" }, ...parts.filter(Boolean), tools));
  }

  savedText() {
    return this.queue.saved > 0 ? this.queue.saved + " saved" : "";
  }

  goneText() {
    const waiting = this.queue.unsaved;
    const kept =
      waiting > 0
        ? " " + waiting + " not yet saved: kept in this page and saved then."
        : " All decisions are saved.";
    return "The kernel is gone: run the cell again to go on." + kept;
  }

  dispose() {
    this.queue.dispose();
    this.root.remove();
  }
}

/** Change a text only when it differs, so that a live region speaks once and nothing is painted in vain. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
