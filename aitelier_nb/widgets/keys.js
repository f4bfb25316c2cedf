// Keys of a focused widget. They never reach the notebook, where `d d` would delete the cell; Tab is never held.

/** Call the action of a pressed key. `actions` maps event.key to a function; `typing` does the same in text boxes. */
export function listen(root, actions, typing) {
  root.addEventListener("keydown", (event) => {
    if (savesNotebook(event)) letThrough(root);
    const text = event.target.closest("textarea, input, select, [contenteditable]");
    if (event.key === "Tab" || (!text && theirs(event, actions))) return;
    event.stopPropagation();
    if (event.isComposing || event.keyCode === 229 || event.repeat) return;
    const action = (text ? typing : actions)[nameOf(event)];
    if (action && !presses(event, text) && action(event) !== false) event.preventDefault();
  });
  for (const kind of ["keyup", "keypress"]) {
    root.addEventListener(kind, (event) => event.key !== "Tab" && event.stopPropagation());
  }
}

/** Keys that are the notebook's or the browser's: Escape when nothing is open, and combinations that are not ours. */
function theirs(event, actions) {
  if (event.key === "Escape") return !actions.Escape?.wanted();
  return event.altKey || ((event.ctrlKey || event.metaKey) && event.key !== "z");
}

/** Enter and space press a button that has the focus. */
function presses(event, text) {
  return !text && (event.key === "Enter" || event.key === " ") && event.target.closest("button, summary, a");
}

/** "Ctrl+Enter", "Ctrl+z" or the key itself; the command key of a Mac counts as Ctrl. */
function nameOf(event) {
  return event.ctrlKey || event.metaKey ? "Ctrl+" + event.key : event.key;
}

function savesNotebook(event) {
  return (event.ctrlKey || event.metaKey) && event.key === "s";
}

/** Lab ignores keys under an element with this attribute; saving the notebook has to get through. */
function letThrough(root) {
  root.removeAttribute("data-lm-suppress-shortcuts");
  setTimeout(() => root.setAttribute("data-lm-suppress-shortcuts", "true"));
}
