// Everything that a key does, a button does too; each button is pressed by its name.

import { beforeEach, afterEach, describe, expect, test, vi } from "vitest";
import rater from "../../aitelier_nb/widgets/rater.js";
import scorer from "../../aitelier_nb/widgets/scorer.js";
import comparator from "../../aitelier_nb/widgets/comparator.js";
import { show, painted, press, fresh, example } from "./fake.js";

beforeEach(fresh);
afterEach(() => vi.useRealTimers());

const named = (root, name) =>
  [...root.querySelectorAll("button")].find((one) => one.firstChild.textContent === name);

function click(root, ...names) {
  for (const name of names) {
    expect(named(root, name), name).toBeDefined();
    named(root, name).click();
    painted();
  }
}

const where = (root) => root.querySelector(".ait-where").textContent;
const said = (root) => root.querySelector(".ait-live").textContent;
const questions = (n, more = {}) =>
  Array.from({ length: n }, (_, place) => ({
    id: place + 1,
    messages: [{ role: "user", content: "q" }],
    ...more,
  }));

describe("rating", () => {
  test("a rating, skip, undo and moving", () => {
    const { model, root } = show(rater);
    root.querySelectorAll("[role=radio]")[6].click();
    painted();
    expect(model.of("rate")[0]).toMatchObject({ id: 1, value: 7 });
    click(root, "Skip");
    expect(model.of("skip")[0]).toMatchObject({ id: 2 });
    click(root, "Next", "Next", "Previous");
    expect(where(root)).toBe("4 of 60");
    click(root, "Undo");
    expect(model.of("undo")[0]).toMatchObject({ of: 1, id: 1 });
    expect(where(root)).toBe("1 of 60");
  });

  test("a rewrite is begun, done and rated, or left and taken up again", () => {
    const { model, root } = show(rater);
    click(root, "Rewrite");
    root.querySelector("textarea").value = "better";
    click(root, "Done, rate it");
    click(root, "Next"); // it waits for the rating
    expect(said(root)).toBe("Rate the rewrite, or press Esc.");
    press(root, "Escape");
    expect(model.of("rewrite")).toHaveLength(0);
    click(root, "Take it up again");
    expect(root.querySelector("textarea").value).toBe("better");
    click(root, "Done, rate it");
    root.querySelectorAll("[role=radio]")[8].click();
    painted();
    expect(model.of("rewrite")[0]).toMatchObject({ id: 1, text: "better", value: 9 });
  });

  test("undo leaves a rewrite that waits for its rating, and takes nothing back", () => {
    const { model, root } = show(rater);
    press(root, "5");
    click(root, "Rewrite");
    root.querySelector("textarea").value = "better";
    click(root, "Done, rate it", "Undo");
    expect(model.of("undo")).toHaveLength(0);
    expect(root.querySelector(".ait-answer").textContent).toMatch(/answer 1/);
  });

  test("cancelling a text box keeps the text at hand until the next example", () => {
    const { root } = show(rater);
    click(root, "Rewrite");
    root.querySelector("textarea").value = "half";
    click(root, "Cancel");
    expect(root.querySelector("textarea")).toBe(null);
    click(root, "Next");
    expect(named(root, "Take it up again")).toBe(undefined);
  });

  test("flag, tags, note, changes and Markdown", () => {
    const rows = [example(0, { originalOutput: "first", tags: ["old"], note: "seen" })];
    const { model, root } = show(rater, { total: 1, rows });
    click(root, "Flag");
    expect(said(root)).toBe("Flagged.");
    click(root, "Flag");
    expect(said(root)).toBe("No longer flagged.");
    expect(model.of("annotate").map((one) => one.flagged)).toEqual([true, false]);
    click(root, "Tags");
    expect(root.querySelector("input").value).toBe("old");
    root.querySelector("input").value = "a, b, a,";
    click(root, "Keep");
    expect(model.of("annotate").at(-1).tags).toEqual(["a", "b"]);
    click(root, "Note");
    expect(root.querySelector("textarea").value).toBe("seen");
    click(root, "Keep", "Changes");
    expect(root.querySelector(".ait-answer del").textContent).toBe("first");
    click(root, "Changes", "Markdown");
    expect(root.querySelector(".ait-answer .ait-markdown").textContent).toBe("answer 0");
    click(root, "Markdown");
    expect(root.querySelector(".ait-answer .ait-markdown")).toBe(null);
  });

  test("help opens and closes, and says so", () => {
    const { root } = show(rater);
    const help = named(root, "Help");
    for (const open of [true, false]) {
      help.click();
      expect(help.getAttribute("aria-expanded")).toBe(String(open));
      expect(root.querySelector(".ait-help").hidden).toBe(!open);
    }
    press(root, "?");
    expect(root.querySelector(".ait-help").textContent).toMatch(/0 is ten/);
  });

  test("a click gives the widget the keyboard, unless it chose something or selected a text", () => {
    const { root } = show(rater);
    root.blur();
    named(root, "Flag").click();
    expect(document.activeElement).not.toBe(root);
    const selecting = vi.spyOn(globalThis, "getSelection").mockReturnValue("some words");
    root.querySelector(".ait-head strong").click();
    expect(document.activeElement).not.toBe(root);
    selecting.mockRestore();
    root.querySelector(".ait-head strong").click();
    expect(document.activeElement).toBe(root);
  });

  test("the end has its way back", () => {
    const { model, root } = show(rater, { total: 1, rows: [example(0)], counts: { rated: 1, examples: 1 } });
    press(root, "8");
    click(root, "Previous");
    expect(where(root)).toBe("1 of 1");
    press(root, "j");
    click(root, "Undo");
    expect(model.of("undo")[0]).toMatchObject({ of: 1 });
  });

  test("an example without an answer is rewritten into one that has an answer", () => {
    const rows = [example(0, { messages: [{ role: "user", content: "only asked" }] })];
    const { model, root } = show(rater, { total: 2, rows });
    expect(root.querySelector(".ait-answer").textContent).toMatch(/No answer yet/);
    click(root, "Rewrite");
    root.querySelector("textarea").value = "an answer";
    click(root, "Done, rate it");
    press(root, "9");
    press(root, "k");
    expect(model.of("rewrite")[0].text).toBe("an answer");
    expect(root.querySelector(".ait-answer").textContent).toMatch(/an answer/);
  });

  test("what is known of an example stands in one line, and a deleted one takes no decision", () => {
    const facts = { n_tokens: 1234, ratings: { anna: 7 }, rating: 7, split: "val", flagged: true };
    const rows = [
      example(0, facts),
      example(1, { about_tokens: 5, split: "train" }),
      example(2, { deleted: true }),
    ];
    const { model, root } = show(rater, { total: 3, rows });
    const line = () => root.querySelector(".ait-facts").textContent;
    expect(line()).toBe("example 1 · 8 characters · 1,234 tokens · rated 7 · anna: 7 · validation · flagged");
    press(root, "j");
    expect(line()).toMatch(/about 5 tokens · train/);
    press(root, "j");
    expect(line()).toMatch(/deleted since the list was made/);
    press(root, "8");
    expect(model.of("rate")).toHaveLength(0);
  });

  test("a key before the example is there is told and not kept", () => {
    const { model, root } = show(rater, { total: 60, rows: examplesOf(1) });
    press(root, "8");
    press(root, "8");
    press(root, "s");
    expect(model.of("rate")).toHaveLength(1);
    expect(model.of("skip")).toHaveLength(0);
    expect(root.querySelector(".ait-told").textContent).toMatch(/Still loading/);
    press(root, "k");
    expect(root.querySelector(".ait-told").hidden).toBe(true);
  });
});

const examplesOf = (n) => Array.from({ length: n }, (_, place) => example(place));

describe("pages of text", () => {
  test.each([
    [rater, ".ait-pane", {}],
    [scorer, ".ait-side", { expected: "e", actual: "a" }],
    [comparator, ".ait-side", { left: "l", right: "r" }],
  ])("space and the page keys scroll what is read", (widget, kind, more) => {
    const rows = widget === rater ? examplesOf(2) : questions(2, more);
    const { root } = show(widget, { total: 2, rows });
    const panes = [...root.querySelectorAll(kind)];
    const moved = [];
    panes.forEach((pane) => {
      Object.defineProperty(pane, "clientHeight", { value: 100 });
      pane.scrollBy = (_, by) => moved.push(by);
    });
    for (const key of [" ", "PageDown", "PageUp"]) press(root, key);
    expect(moved).toEqual([90, 90, -90].flatMap((by) => panes.map(() => by)));
    const pane = panes[0];
    pane.scrollTop = 40;
    pane.dispatchEvent(new Event("scroll"));
    press(root, "j");
    expect(pane.scrollTop).toBe(0);
  });
});

describe("scoring", () => {
  test("every button does what its key does", () => {
    const rows = questions(4, { expected: "what was expected", actual: "what was said" });
    const { model, root } = show(scorer, { total: 4, rows, counts: { scored: 0, total: 4 } });
    root.querySelectorAll("[role=radio]")[2].click();
    painted();
    expect(model.of("score")[0]).toMatchObject({ id: 1, value: 3 });
    click(root, "Skip", "Make an example", "Make an example");
    expect(model.of("skip")[0].id).toBe(2);
    expect(model.of("example").map((one) => one.id)).toEqual([3]);
    click(root, "Note");
    press(root.querySelector("textarea"), "7");
    root.querySelector("textarea").value = " why ";
    click(root, "Keep");
    expect(model.of("note")[0]).toMatchObject({ id: 3, note: "why" });
    click(root, "Differences");
    expect([...root.querySelectorAll("del")].map((one) => one.textContent)).toEqual(["expected"]);
    click(root, "Layout");
    expect(root.querySelector(".ait-pair").classList).toContain("ait-stacked");
    press(root, "l");
    expect(root.querySelector(".ait-pair").classList).not.toContain("ait-stacked");
    click(root, "Next", "Previous", "Undo");
    expect(model.of("undo")).toHaveLength(1);
  });

  test("an answer of which nothing is known is shown empty, and the end counts", () => {
    const { root } = show(scorer, { total: 1, rows: questions(1), counts: { scored: 1, total: 1 } });
    expect([...root.querySelectorAll(".ait-side .ait-text")].map((one) => one.textContent)).toEqual(["", ""]);
    press(root, "9");
    expect(root.textContent).toMatch(/Every answer has a score/);
    for (const key of ["9", "s", "a", "n"]) press(root, key);
    expect(root.querySelector("textarea")).toBe(null);
  });
});

describe("comparing", () => {
  test("every button does what its key does", () => {
    const rows = questions(3, { left: "l", right: "r" });
    const { model, root } = show(comparator, { total: 3, rows, counts: { voted: 0, total: 3 } });
    expect(root.querySelector(".ait-question").hidden).toBe(true);
    click(root, "Tie", "Next", "Previous", "Undo");
    expect(model.of("vote")[0]).toMatchObject({ id: 1, choice: "tie" });
    expect(model.of("undo")[0]).toMatchObject({ of: 1 });
    expect(where(root)).toBe("1 of 3");
    for (let place = 0; place < 3; place += 1) press(root, "1");
    press(root, "1");
    expect(model.of("vote")).toHaveLength(4);
  });

  test("one side follows the other by the same share of its way", () => {
    const { root } = show(comparator, { total: 1, rows: questions(1, { left: "l", right: "r" }) });
    const [left, right] = root.querySelectorAll(".ait-side");
    const tall = (side, height) => {
      Object.defineProperty(side, "scrollHeight", { value: height, configurable: true });
      Object.defineProperty(side, "clientHeight", { value: 100, configurable: true });
    };
    tall(left, 300);
    tall(right, 1100);
    left.scrollTop = 100;
    left.dispatchEvent(new Event("scroll"));
    expect(right.scrollTop).toBe(500);
    right.dispatchEvent(new Event("scroll")); // an echo moves nothing
    expect(left.scrollTop).toBe(100);
    tall(left, 100);
    left.dispatchEvent(new Event("scroll")); // all of it is on screen
    expect(right.scrollTop).toBe(0);
  });
});
