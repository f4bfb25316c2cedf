// Ten buttons that are one group of radio buttons.

import { make } from "./page.js";

/** Make the group; `draw` marks the rating that is given and those that reach the threshold. */
export function ratingGroup(name, verb, onrate) {
  const marks = Array.from({ length: 10 }, (_, place) => mark(verb, place + 1, onrate));
  const node = make("div", { class: "ait-ratings", role: "radiogroup", "aria-label": name }, ...marks);
  node.addEventListener("keydown", (event) => walk(marks, event));
  let drawn = "";
  const draw = (rating, threshold) => {
    if (drawn === rating + "/" + threshold) return; // ten buttons cost a layout; most examples look alike
    drawn = rating + "/" + threshold;
    marks.forEach((one, place) => {
      one.setAttribute("aria-checked", String(place + 1 === rating));
      one.tabIndex = place + 1 === (rating ?? 1) ? 0 : -1;
      one.classList.toggle("ait-good", place + 1 >= (threshold ?? 11));
    });
  };
  return { node, draw };
}

function mark(verb, rating, onrate) {
  return make(
    "button",
    {
      type: "button",
      role: "radio",
      class: "ait-mark",
      "aria-checked": "false",
      tabindex: rating === 1 ? "0" : "-1",
      "aria-label": verb + " " + rating,
      onclick: () => onrate(rating),
    },
    String(rating),
  );
}

/** Arrow keys walk inside the group, as in any group of radio buttons. */
function walk(marks, event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  const place = (marks.indexOf(event.target) + step + 10) % 10;
  marks[place].focus();
}
