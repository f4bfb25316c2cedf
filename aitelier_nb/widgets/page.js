// Builds what stands in the page. Text of an example only ever becomes a text node.

const LONG = 12000; // characters shown of a long text before "show all" is pressed: what a screen paints in one frame

const NUMBER = new Intl.NumberFormat("en");

/** A number in groups of three digits; the spelling is made once, for it costs as much as the rest of a key. */
export const grouped = (number) => NUMBER.format(number);

/** Make an element: attributes by name, `on…` as listeners, children as nodes or text. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** A real button with a name; its key is shown and told to assistive technology. */
export function button(label, key, onclick, attributes = {}) {
  const hint = key ? make("kbd", { "aria-hidden": "true" }, key) : null;
  return make(
    "button",
    { type: "button", class: "ait-button", "aria-keyshortcuts": key || null, onclick, ...attributes },
    label,
    hint,
  );
}

/** The text of a message: its content, or its text parts; what is no text is named in brackets. */
export function textOf(message) {
  const content = message?.content;
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return content == null ? "" : JSON.stringify(content);
  return content.map((part) => part?.text ?? "[" + (part?.type ?? "part") + "]").join("");
}

/** A block of text as it is: line breaks kept, direction by its own letters, clamped when long. */
export function textBlock(text, paint = plain) {
  const block = make("div", { class: "ait-text", dir: "auto" });
  if (text.length <= LONG) {
    paint(block, text);
    return block;
  }
  paint(block, text.slice(0, LONG));
  const more = button("Show all " + grouped(text.length) + " characters", null, () => {
    block.replaceChildren();
    paint(block, text);
  });
  block.append(make("div", {}, "…"), more);
  return block;
}

/** Paint a text as it is. */
export function plain(block, text) {
  block.append(text);
}

const ROLES = {
  system: "System",
  developer: "Developer",
  user: "User",
  assistant: "Assistant",
  tool: "Tool",
  function: "Function",
};

/** One turn: who speaks and what. */
export function turn(message, extra = "", paint = plain) {
  const role = ROLES[message.role] ?? String(message.role);
  const calls = message.tool_calls ? [textBlock(JSON.stringify(message.tool_calls, null, 1))] : [];
  return make(
    "div",
    { class: "ait-turn ait-" + (message.role in ROLES ? message.role : "other") + " " + extra },
    make("div", { class: "ait-role" }, role),
    textBlock(textOf(message), paint),
    ...calls,
  );
}

/** A part that scrolls. It goes back to its top only when it was scrolled: asking costs a layout. */
export function scrolling(name, kind) {
  const node = make("div", { class: kind, tabindex: "0", role: "group", "aria-label": name });
  let moved = false;
  node.addEventListener("scroll", () => (moved = true), { passive: true });
  const toTop = () => {
    if (moved) node.scrollTop = 0;
    moved = false;
  };
  return { node, toTop };
}

/** The place of the answer under review: the last assistant turn, or -1. */
export function answerPlace(messages) {
  return messages.findLastIndex((message) => message.role === "assistant");
}

const UNSEEN = 40; // milliseconds after which work is done without a paint: a hidden page has none

/** Do the work right after the next paint. */
export function afterPaint(work) {
  let timer = null;
  const once = () => {
    if (timer === null) return;
    clearTimeout(timer);
    timer = null;
    work();
  };
  timer = setTimeout(once, UNSEEN);
  globalThis.requestAnimationFrame?.(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      once();
    };
    port2.postMessage(null);
  });
}
