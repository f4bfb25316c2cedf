// A training job as it stands: asked for every few seconds while somebody looks.

import { make, button } from "./page.js";
import { Panel } from "./panel.js";

const EVERY = 2; // seconds between two looks at a job that goes on

class MonitorView extends Panel {
  constructor(context) {
    super(context, "Training");
    this.state = make("span", { class: "ait-where", role: "status" });
    this.bar = make("progress", { class: "ait-bar", max: "1", value: "0", "aria-label": "Steps" });
    this.cancel = button("Cancel the job", null, () => this.stop());
    this.cancel.hidden = true;
    this.head.append(this.state, this.bar, this.cancel);
    this.curve = make("div", { class: "ait-curve" });
    this.facts = make("table", { class: "ait-table" });
    this.body.append(this.curve, this.facts);
  }

  welcome(message) {
    this.draw(message.job);
  }

  async look() {
    const answer = await this.ask({ kind: "fetch" });
    if (answer) this.draw(answer.job);
    else this.wait();
  }

  async stop() {
    const answer = await this.ask({ kind: "cancel" });
    if (answer) this.draw(answer.job);
  }

  draw(job) {
    this.state.textContent = job.line;
    this.bar.max = job.total_steps || 1;
    this.bar.value = job.step || 0;
    this.bar.hidden = job.ended; // a bar is for what goes on; how it ended is said in words
    this.cancel.hidden = job.ended;
    this.curve.replaceChildren(...(job.losses?.length > 1 ? [curve(job.losses)] : []));
    const rows = Object.entries(job.facts ?? {}).map(([name, value]) =>
      make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, String(value))),
    );
    this.facts.replaceChildren(make("tbody", {}, ...rows));
    this.every = job.every ?? EVERY;
    clearTimeout(this.timer);
    if (!job.ended) this.wait();
  }

  /** Look again in a while, also when this look failed: the job goes on elsewhere. */
  wait() {
    clearTimeout(this.timer);
    if (!this.calls?.gone) this.timer = setTimeout(() => this.look(), 1000 * this.every);
  }

  dispose() {
    clearTimeout(this.timer);
    super.dispose();
  }
}

const SVG = "http://www.w3.org/2000/svg";

/** The loss over the steps: pairs of step and loss. */
function curve(losses) {
  const steps = losses.map(([step]) => step);
  const values = losses.map(([, loss]) => loss);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const points = losses.map(([step, loss]) => {
    const x = (300 * (step - steps[0])) / Math.max(1, steps.at(-1) - steps[0]);
    const y = 4 + (52 * (high - loss)) / Math.max(1e-9, high - low);
    return x.toFixed(1) + "," + y.toFixed(1);
  });
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 300 60");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "Loss from " + values[0].toFixed(3) + " to " + values.at(-1).toFixed(3));
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.join(" "));
  svg.append(line);
  const [first, last] = [losses[0], losses.at(-1)].map(
    ([step, loss]) => loss.toFixed(3) + " at step " + step,
  );
  return make("figure", {}, svg, make("figcaption", {}, "Loss: " + first + ", " + last));
}

export default {
  render(context) {
    const view = new MonitorView(context);
    return () => view.dispose();
  },
};
