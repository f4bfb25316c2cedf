// Word by word difference of two texts.

import { make } from "./page.js";

const MOST = 4000000; // cells of the table of common parts; longer texts are compared by lines
const WORDS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{M}\p{N}_]+|[^\S\n]+|[^]/gu;

/** The steps from one text to the other: ["same" | "out" | "in", text] each. */
export function difference(before, after) {
  let [a, b] = [before.match(WORDS) ?? [], after.match(WORDS) ?? []];
  if (a.length * b.length > MOST) [a, b] = [before.split(/(?<=\n)/), after.split(/(?<=\n)/)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const middle = steps(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const all = [...a.slice(0, head).map(same), ...middle, ...a.slice(a.length - tail).map(same)];
  return joined(all);
}

const same = (part) => ["same", part];

/** Longest common subsequence by dynamic programming; beyond its limit everything is replaced. */
function steps(a, b) {
  if (a.length * b.length > MOST)
    return [...a.map((part) => ["out", part]), ...b.map((part) => ["in", part])];
  const width = b.length + 1;
  const best = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const down = best[(i + 1) * width + j];
      const right = best[i * width + j + 1];
      best[i * width + j] = a[i] === b[j] ? best[(i + 1) * width + j + 1] + 1 : Math.max(down, right);
    }
  }
  const found = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found.push(same(a[i]));
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && best[(i + 1) * width + j] >= best[i * width + j + 1])) {
      found.push(["out", a[i]]);
      i += 1;
    } else {
      found.push(["in", b[j]]);
      j += 1;
    }
  }
  return found;
}

/** Neighbours of one kind become one step. */
function joined(all) {
  const runs = [];
  for (const [kind, part] of all) {
    if (runs.at(-1)?.[0] === kind) runs.at(-1)[1] += part;
    else runs.push([kind, part]);
  }
  return runs;
}

/** The difference as text: what went is struck out, what came is underlined; not by colour alone. */
export function differenceBlock(before, after) {
  const tags = { same: "span", out: "del", in: "ins" };
  const parts = difference(before, after).map(([kind, text]) => make(tags[kind], {}, text));
  return make("div", { class: "ait-text ait-diff", dir: "auto" }, ...parts);
}
