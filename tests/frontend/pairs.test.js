// Comparing and scoring: what the two have in common, and what must never be seen of a pair.

import { beforeEach, afterEach, describe, expect, test, vi } from "vitest";
import comparator from "../../aitelier_nb/widgets/comparator.js";
import scorer from "../../aitelier_nb/widgets/scorer.js";
import { show, painted, press, fresh } from "./fake.js";

beforeEach(fresh);
afterEach(() => vi.useRealTimers());

const HOSTILE = "<img src=x onerror='globalThis.hit = 1'><script>globalThis.hit = 1</script></textarea>";
const asked = [{ role: "user", content: "q" }];
const pair = (place, more = {}) => ({
  id: place + 1,
  messages: asked,
  left: "left " + place,
  right: "right " + place,
  ...more,
});
const answer = (place, more = {}) => ({
  id: place + 1,
  messages: asked,
  expected: "expected " + place,
  actual: "actual " + place,
  ...more,
});
const many = (make, n = 5) => Array.from({ length: n }, (_, place) => make(place));
const sides = (root) => [...root.querySelectorAll(".ait-side .ait-text")].map((side) => side.textContent);
const named = (root, name) =>
  [...root.querySelectorAll("button")].find((one) => one.firstChild.textContent === name);

function compare(rows = many(pair), counts = { voted: 0, total: rows.length }) {
  return show(comparator, { total: rows.length, rows, settings: { question: "Which?" }, counts });
}

function score(rows = many(answer), counts = { scored: 0, total: rows.length }) {
  return show(scorer, { total: rows.length, rows, settings: { threshold: 8 }, counts });
}

describe("comparing", () => {
  test.each([
    ["1", "left"],
    ["2", "right"],
    ["0", "tie"],
    ["b", "bad"],
  ])("%s is one vote, and the next pair is there at once", (key, choice) => {
    const { model, root } = compare();
    press(root, key);
    expect(model.of("vote")).toHaveLength(1);
    expect(model.of("vote")[0]).toMatchObject({ id: 1, position: 0, choice, before: null, seq: 1 });
    expect(sides(root)).toEqual(["left 1", "right 1"]);
  });

  test("no other key votes, nor one that is held, combined or part of an input method", () => {
    const { model, root } = compare();
    for (const key of ["3", "4", "9", "a", "Enter", "B"]) press(root, key);
    for (const more of [{ repeat: true }, { isComposing: true }, { ctrlKey: true }, { altKey: true }])
      press(root, "1", more);
    expect(model.of("vote")).toHaveLength(0);
  });

  test("two views of one list that differ in nothing but their texts are the same page", () => {
    const pages = [
      [pair(0), pair(1)],
      [pair(0, { left: "right 0", right: "left 0" }), pair(1)],
    ].map((rows) => {
      document.body.replaceChildren();
      const { root } = compare(rows);
      return root.outerHTML.replace(/>[^<]+</g, "><");
    });
    expect(pages[0]).toBe(pages[1]);
  });

  test("what a pair says beside its texts stays out of the page", () => {
    const { root, model } = compare([pair(0, { model: "tuned", order: "BA" }), pair(1)]);
    press(root, "d");
    press(root, "1");
    expect(root.outerHTML).not.toMatch(/tuned|BA/);
    expect(JSON.stringify(model.sent)).not.toMatch(/tuned|"BA"/);
  });

  test("an undo shows the pair again without a vote, and a vote that is given is marked", () => {
    const { model, root } = compare();
    press(root, "2");
    press(root, "u");
    expect(model.of("undo")[0]).toMatchObject({ of: 1, id: 1, position: 0 });
    expect(root.querySelector("[aria-pressed=true]")).toBe(null);
    press(root, "2");
    press(root, "k");
    expect(named(root, "Answer 2 is better").getAttribute("aria-pressed")).toBe("true");
    press(root, "1");
    expect(model.of("vote").at(-1)).toMatchObject({ choice: "left", before: "right" });
  });

  test("the mouse votes too, and differences and layout are one press away", () => {
    const { model, root } = compare([pair(0, { left: "one two", right: "one three" }), pair(1)]);
    named(root, "Differences").click();
    expect(root.querySelector("ins").textContent).toBe("three");
    expect(root.querySelector("del").textContent).toBe("two");
    named(root, "Layout").click();
    expect(root.querySelector(".ait-stacked")).not.toBe(null);
    named(root, "Tie").click();
    painted();
    expect(model.of("vote")[0].choice).toBe("tie");
  });

  test("the end counts the votes and says nothing of who leads", () => {
    const { model, root } = compare([pair(0)], { voted: 0, total: 1 });
    press(root, "1");
    model.ack(1, { counts: { voted: 1, total: 1 } });
    expect(root.querySelector(".ait-end").textContent).toMatch(/Every pair has a vote/);
  });

  test("hostile answers are text, long ones are clamped", () => {
    const { root } = compare([pair(0, { left: HOSTILE, right: "x".repeat(50000) })]);
    expect(sides(root)[0]).toBe(HOSTILE);
    expect(sides(root)[1].length).toBeLessThan(21000);
    press(root, "d");
    expect(root.querySelectorAll("img, script")).toHaveLength(0);
    expect(globalThis.hit).toBe(undefined);
  });
});

describe("scoring", () => {
  test("a digit scores, 0 is ten, and the next answer is there", () => {
    const { model, root } = score();
    press(root, "7");
    press(root, "0");
    expect(model.of("score").map((one) => [one.id, one.value])).toEqual([
      [1, 7],
      [2, 10],
    ]);
    expect(sides(root)).toEqual(["expected 2", "actual 2"]);
  });

  test("a note is text while it is written: digits, Enter and an input method's keys do not score", () => {
    const { model, root } = score();
    press(root, "n");
    const box = root.querySelector("textarea");
    for (const key of ["9", "Enter", "s", "u"]) press(box, key);
    press(box, "Enter", { ctrlKey: true, isComposing: true });
    expect(model.sent.filter((one) => one.seq)).toHaveLength(0);
    box.value = " too long ";
    press(box, "Enter", { ctrlKey: true });
    expect(model.of("note")[0]).toMatchObject({ id: 1, note: "too long" });
    expect(sides(root)[0]).toBe("expected 0");
    expect(root.textContent).toMatch(/too long/);
  });

  test("the worst answers become examples, once each", () => {
    const { model, root } = score();
    press(root, "a");
    press(root, "a");
    expect(model.of("example")).toHaveLength(1);
    expect(root.textContent).toMatch(/made an example/);
  });

  test("checks, label and a score that is there are shown", () => {
    const { root } = score([answer(0, { label: "tuned", checks: ["length: yes", HOSTILE], score: 4 })]);
    expect(root.textContent).toMatch(/Actual: tuned/);
    expect([...root.querySelectorAll(".ait-facts li")].map((one) => one.textContent)).toEqual([
      "length: yes",
      HOSTILE,
    ]);
    expect(root.querySelector("[aria-checked=true]").textContent).toBe("4");
    expect(root.querySelector("img")).toBe(null);
  });

  test("keys stay in the widget and Tab leads out", () => {
    const { root } = score();
    const outside = vi.fn();
    document.body.addEventListener("keydown", outside);
    for (const key of ["b", "d", "d", "x", "7"]) press(root, key);
    expect(outside).not.toHaveBeenCalled();
    expect(press(root, "Tab").defaultPrevented).toBe(false);
    document.body.removeEventListener("keydown", outside);
  });

  test("the end says how many are left", () => {
    const { model, root } = score([answer(0), answer(1)], { scored: 0, total: 2 });
    press(root, "s");
    press(root, "8");
    model.ack(2, { counts: { scored: 1, total: 2 } });
    expect(root.querySelector(".ait-end").textContent).toMatch(/1 have no score yet/);
  });
});
