// Widgets over a model without a kernel, and keys pressed on them.

import { vi } from "vitest";
import { fakeModel } from "./model.js";

export { fakeModel };

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

/** Let the frame be painted, and a moment pass: what was decided in it is sent then. */
export function painted() {
  if (vi.isFakeTimers()) vi.advanceTimersByTime(140);
}

/** Press a key; the frame is not painted yet. */
export function strike(target, key, more = {}) {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  target.dispatchEvent(event);
  return event;
}

/** Press a key and see the next frame. */
export function press(target, key, more = {}) {
  const event = strike(target, key, more);
  painted();
  return event;
}

export function fresh() {
  document.body.replaceChildren();
  sessionStorage.clear();
  globalThis.aitelierSessions?.clear();
  vi.useFakeTimers();
}
