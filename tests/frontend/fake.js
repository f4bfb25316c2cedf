// A model as a notebook's front end hands it over, without a kernel: what is sent is kept.

import { vi } from "vitest";

export function fakeModel() {
  const listeners = new Map();
  return {
    sent: [],
    alive: true,
    send(message) {
      if (!this.alive) throw new Error("Cannot send");
      this.sent.push(message);
    },
    on(name, listener) {
      listeners.set(name, [...(listeners.get(name) ?? []), listener]);
    },
    off(name, listener) {
      listeners.set(
        name,
        (listeners.get(name) ?? []).filter((one) => one !== listener),
      );
    },
    emit(name, ...values) {
      (listeners.get(name) ?? []).forEach((listener) => listener(...values));
    },
    of(kind) {
      return this.sent.filter((message) => message.kind === kind);
    },
    get session() {
      return this.sent[0].session;
    },
    say(kind, message = {}) {
      this.emit("msg:custom", { kind, session: this.session, ...message });
    },
    ack(seq, message = {}) {
      this.say("ack", { seq, ok: true, ...message });
    },
  };
}

export function example(place, more = {}) {
  return {
    id: place + 1,
    version: 1,
    rating: null,
    messages: [
      { role: "user", content: "question " + place },
      { role: "assistant", content: "answer " + place },
    ],
    ...more,
  };
}

export const examples = (start, n) => Array.from({ length: n }, (_, offset) => example(start + offset));

/** Show a widget over a fake model and greet it with its first page. */
export function show(widget, { total = 60, start = 0, rows = null, settings = {}, counts = {} } = {}) {
  const model = fakeModel();
  const el = document.body.appendChild(document.createElement("div"));
  const dispose = widget.render({ model, el });
  const found = rows ?? examples(0, Math.min(25, total));
  model.say("hello", {
    total,
    start,
    first: 0,
    examples: found,
    settings: { store: "shop", ...settings },
    counts,
  });
  const root = el.querySelector(".ait");
  root.focus();
  return { model, el, root, dispose };
}

export function press(target, key, more = {}) {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  target.dispatchEvent(event);
  return event;
}

export function fresh() {
  document.body.replaceChildren();
  sessionStorage.clear();
  globalThis.aitelierSessions?.clear();
  vi.useFakeTimers();
}
