// A bar of long work, moved by the kernel.

import { make } from "./page.js";

export default {
  render({ model, el }) {
    const text = make("span", { class: "ait-where" });
    const bar = make("progress", { class: "ait-bar", max: "1", "aria-label": "Progress" });
    const root = el.appendChild(make("div", { class: "ait ait-progress", role: "status" }, text, bar));
    const draw = () => {
      text.textContent = model.get("text");
      const [done, total] = [model.get("done"), model.get("total")];
      if (total > 0) [bar.max, bar.value] = [total, done];
      root.hidden = model.get("finished");
    };
    model.on("change", draw);
    draw();
    return () => model.off("change", draw);
  },
};
