// The shell of the widgets that are forms and tables: a title, what is told, the kernel's absence.

import { make } from "./page.js";
import { listen } from "./keys.js";
import { Calls } from "./calls.js";

export class Panel {
  constructor({ model, el }, title) {
    this.root = make("section", {
      class: "ait",
      tabindex: "-1",
      "aria-label": title,
      "data-lm-suppress-shortcuts": "true",
    });
    this.head = make("div", { class: "ait-head" }, make("strong", {}, title));
    this.banner = make(
      "div",
      { class: "ait-banner", role: "alert", hidden: true },
      "The kernel is gone: run the cell again to go on.",
    );
    this.live = make("div", { class: "ait-told", role: "status", "aria-live": "polite", hidden: true });
    this.body = make("div", { class: "ait-body" });
    this.root.append(this.head, this.banner, this.live, this.body);
    el.append(this.root);
    listen(this.root, this.keys(), this.typing());
    this.calls = new Calls(
      model,
      (message) => this.welcome(message),
      () => this.lost(),
      (message) => this.refused(message),
    );
  }

  keys() {
    return {};
  }

  typing() {
    return {};
  }

  /** Say something, or nothing more. */
  tell(text) {
    this.live.textContent = text;
    this.live.hidden = !text;
  }

  /** Ask the kernel; what it refuses is told, and the answer is then null. */
  async ask(message) {
    const answer = await this.calls.ask(message);
    if (!answer.error) return answer;
    this.refused(answer);
    return null;
  }

  refused({ error, hint }) {
    this.tell([error, hint].filter(Boolean).join(": "));
  }

  lost() {
    this.banner.hidden = false;
    this.root.classList.add("ait-gone");
  }

  dispose() {
    this.calls.dispose();
    this.root.remove();
  }
}

/** A labelled form field. */
export function field(label, control) {
  return make("label", { class: "ait-field" }, make("span", {}, label), control);
}

/** A choice among values: [value, name] each. */
export function choice(options, onchange) {
  return make(
    "select",
    { class: "ait-input", onchange },
    ...options.map(([value, name]) => make("option", { value }, name)),
  );
}
