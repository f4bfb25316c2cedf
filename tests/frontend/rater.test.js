import { beforeEach, afterEach, describe, expect, test, vi } from "vitest";
import rater from "../../aitelier_nb/widgets/rater.js";
import { show, press, strike, fresh, example } from "./fake.js";

beforeEach(fresh);
afterEach(() => vi.useRealTimers());

const answer = (root) => root.querySelector(".ait-answer .ait-text").textContent;
const HOSTILE = [
  "<script>globalThis.hit = 1</script>",
  "<img src=x onerror='globalThis.hit = 1'>",
  "<svg onload='globalThis.hit = 1'></svg>",
  "[click](javascript:globalThis.hit=1)",
  "</textarea><script>globalThis.hit = 1</script>",
];

describe("keys", () => {
  test("a digit rates, the next example is there at once", () => {
    const { model, root } = show(rater);
    press(root, "8");
    expect(model.of("rate")[0]).toMatchObject({ id: 1, value: 8, position: 0, before: null, version: 1 });
    expect(answer(root)).toBe("answer 1");
    press(root, "0");
    expect(model.of("rate")[1]).toMatchObject({ id: 2, value: 10 });
  });

  test("a key that is held down, an input method and combinations do nothing", () => {
    const { model, root } = show(rater);
    press(root, "8", { repeat: true });
    press(root, "8", { isComposing: true });
    press(root, "8", { ctrlKey: true });
    press(root, "8", { altKey: true });
    press(root, "8", { metaKey: true });
    expect(model.of("rate")).toHaveLength(0);
  });

  test("keys stay in the widget, but Tab, Escape and saving go through", () => {
    const { root } = show(rater);
    const outside = vi.fn();
    document.body.addEventListener("keydown", outside);
    for (const key of ["b", "d", "d", "x", "Enter", "8"]) press(root, key);
    expect(outside).not.toHaveBeenCalled();
    for (const key of ["Tab", "Escape"]) expect(press(root, key).defaultPrevented).toBe(false);
    strike(root, "s", { ctrlKey: true });
    expect(outside).toHaveBeenCalledTimes(3);
    expect(root.dataset.lmSuppressShortcuts).toBe(undefined);
    vi.advanceTimersByTime(1);
    expect(root.dataset.lmSuppressShortcuts).toBe("true");
    document.body.removeEventListener("keydown", outside);
  });

  test("moving, skipping and undoing", () => {
    const { model, root } = show(rater);
    for (const [key, place] of [
      ["j", 1],
      ["ArrowRight", 2],
      ["ArrowDown", 3],
      ["k", 2],
      ["ArrowLeft", 1],
      ["ArrowUp", 0],
    ]) {
      press(root, key);
      expect(answer(root)).toBe("answer " + place);
    }
    press(root, "s");
    expect(model.of("skip")[0]).toMatchObject({ id: 1 });
    press(root, "7");
    press(root, "z", { ctrlKey: true });
    expect(answer(root)).toBe("answer 1");
  });

  test("the widget does not take the keyboard by itself", () => {
    const other = document.body.appendChild(document.createElement("input"));
    other.focus();
    const { model } = show(rater, { total: 3 });
    other.focus();
    model.say("page", { start: 0, examples: [example(0)] });
    expect(document.activeElement).toBe(other);
  });

  test("the keyboard stays with the widget when what had it is drawn anew", () => {
    const { root } = show(rater);
    root.querySelector(".ait-mark").focus();
    press(document.activeElement, "7");
    expect(root.contains(document.activeElement)).toBe(true);
  });
});

describe("rewriting", () => {
  test("e, text, Ctrl+Enter and a digit save text and rating together, and nothing before", () => {
    const { model, root } = show(rater);
    press(root, "e");
    const box = root.querySelector("textarea");
    expect(document.activeElement).toBe(box);
    expect(box.value).toBe("answer 0");
    press(box, "9");
    expect(model.of("rate")).toHaveLength(0);
    box.value = "a better answer 9";
    press(box, "Enter", { ctrlKey: true });
    expect(model.sent.filter((one) => one.seq)).toHaveLength(0);
    press(root, "9");
    expect(model.of("rewrite")[0]).toMatchObject({ id: 1, text: "a better answer 9", value: 9 });
    press(root, "k");
    expect(answer(root)).toBe("a better answer 9");
  });

  test("moving and skipping wait for the rating of a rewrite", () => {
    const { root } = show(rater);
    press(root, "e");
    const box = root.querySelector("textarea");
    box.value = "better";
    press(box, "Enter", { ctrlKey: true });
    press(root, "j");
    press(root, "s");
    expect(answer(root)).toBe("better");
    expect(root.querySelector(".ait-prompt").textContent).toBe("Rate the rewrite");
  });

  test("Escape leaves the answer as it was, and the text can be taken up again", () => {
    const { model, root } = show(rater);
    press(root, "e");
    root.querySelector("textarea").value = "half a thought";
    press(root.querySelector("textarea"), "Escape");
    expect(answer(root)).toBe("answer 0");
    expect(model.sent.filter((one) => one.seq)).toHaveLength(0);
    root.querySelector(".ait-told button").click();
    expect(root.querySelector("textarea").value).toBe("half a thought");
  });

  test("an empty text is not taken", () => {
    const { root } = show(rater);
    press(root, "e");
    const box = root.querySelector("textarea");
    box.value = "  ";
    press(box, "Enter", { ctrlKey: true });
    expect(root.querySelector("textarea")).toBe(box);
    expect(root.querySelector(".ait-live").textContent).toMatch(/empty/);
  });

  test("a text that was not changed is only rated", () => {
    const { model, root } = show(rater);
    press(root, "e");
    press(root.querySelector("textarea"), "Enter", { ctrlKey: true });
    press(root, "6");
    expect(model.of("rewrite")).toHaveLength(0);
    expect(model.of("rate")[0]).toMatchObject({ value: 6 });
  });

  test("an answer of the kernel does not disturb the pen", () => {
    const { model, root } = show(rater);
    press(root, "e");
    root.querySelector("textarea").value = "writing";
    model.emit("msg:custom", {
      kind: "ack",
      session: "other",
      seq: 1,
      ok: true,
      example: example(0, { rating: 3 }),
    });
    expect(root.querySelector("textarea").value).toBe("writing");
  });

  test("the last assistant turn is the one under review", () => {
    const messages = ["user", "assistant", "user", "assistant"].map((role, place) => ({
      role,
      content: role + place,
    }));
    const { root } = show(rater, { total: 1, rows: [example(0, { messages })] });
    press(root, "e");
    expect(root.querySelector("textarea").value).toBe("assistant3");
  });

  test("the difference to the original is shown on demand", () => {
    const messages = [{ role: "assistant", content: "the new answer" }];
    const { root } = show(rater, {
      total: 1,
      rows: [example(0, { messages, originalOutput: "the old answer" })],
    });
    press(root, "d");
    expect(root.querySelector("del").textContent).toBe("old");
    expect(root.querySelector("ins").textContent).toBe("new");
  });
});

describe("notes, tags, flags", () => {
  test("are decisions of their own and stay on the example", () => {
    const { model, root } = show(rater);
    press(root, "f");
    press(root, "t");
    root.querySelector("input").value = "tone, short, tone";
    press(root.querySelector("input"), "Enter");
    press(root, "n");
    root.querySelector("textarea").value = "too long";
    press(root.querySelector("textarea"), "Enter", { ctrlKey: true });
    const edits = model.of("annotate");
    expect(edits.map((one) => one.flagged ?? one.tags ?? one.note)).toEqual([
      true,
      ["tone", "short"],
      "too long",
    ]);
    expect(root.textContent).toMatch(/too long/);
    expect(answer(root)).toBe("answer 0");
  });
});

describe("text is text", () => {
  test.each(HOSTILE)("%s does nothing, as text and as Markdown", (text) => {
    const messages = ["system", "user", "assistant"].map((role) => ({ role, content: text }));
    const row = example(0, { messages, note: text, tags: [text], findings: [text], split: text });
    const { root } = show(rater, { total: 1, rows: [row], settings: { guideline: text, next: text } });
    press(root, "m");
    press(root, "e");
    expect(root.querySelector("textarea").value).toBe(text);
    expect(root.querySelectorAll("script, img, svg, iframe, object")).toHaveLength(0);
    expect([...root.querySelectorAll("a")].map((a) => a.protocol)).not.toContain("javascript:");
    expect(globalThis.hit).toBe(undefined);
  });

  test("Markdown builds what it knows and leaves the rest", () => {
    const content =
      "# Title\n\n**bold** and `code` and [docs](https://example.org) ![x](https://example.org/x.png)\n\n- a\n- b";
    const { root } = show(rater, {
      total: 1,
      rows: [example(0, { messages: [{ role: "assistant", content }] })],
    });
    press(root, "m");
    expect(root.querySelector(".ait-answer strong").textContent).toBe("bold");
    expect(root.querySelectorAll(".ait-answer li")).toHaveLength(2);
    expect(root.querySelector(".ait-answer a").rel).toBe("noopener noreferrer");
    expect(root.querySelector("img")).toBe(null);
  });

  test("a long text is clamped and shown whole on request", () => {
    const content = "x".repeat(100000);
    const { root } = show(rater, {
      total: 1,
      rows: [example(0, { messages: [{ role: "assistant", content }] })],
    });
    expect(answer(root).length).toBeLessThan(21000);
    [...root.querySelectorAll("button")].find((one) => /Show all 100,000/.test(one.textContent)).click();
    expect(answer(root)).toContain(content);
  });

  test("content in parts, tools and turns without text are named", () => {
    const messages = [
      { role: "user", content: [{ type: "text", text: "see " }, { type: "image_url" }] },
      { role: "assistant", content: null, tool_calls: [{ id: "1", function: { name: "look" } }] },
      { role: "tool", content: "found" },
      { role: "assistant", content: "there" },
    ];
    const { root } = show(rater, { total: 1, rows: [example(0, { messages })] });
    expect(root.textContent).toMatch(/see \[image_url\]/);
    expect(root.textContent).toMatch(/look/);
    expect(answer(root)).toBe("there");
  });
});

describe("state", () => {
  test("says where one is, what is saved, what is not, and that the kernel is gone", () => {
    const { model, root } = show(rater, { total: 3, rows: [0, 1, 2].map((place) => example(place)) });
    expect(root.querySelector(".ait-where").textContent).toBe("1 of 3");
    press(root, "8");
    model.ack(1);
    expect(root.querySelector(".ait-saving").textContent).toBe("1 saved");
    press(root, "8");
    vi.advanceTimersByTime(2900);
    model.ack(99);
    expect(root.querySelector(".ait-saving").textContent).toBe("1 not yet saved");
    model.alive = false;
    press(root, "8");
    expect(root.querySelector(".ait-banner").hidden).toBe(false);
    expect(root.querySelector(".ait-banner").textContent).toMatch(
      /kernel is gone: run the cell again.*2 not yet saved/,
    );
  });

  test.each([0, 1500, 2100, 2950])(
    "what is not answered is told within a second, %i ms after the clock that sends again",
    (begun) => {
      const { model, root } = show(rater, { total: 9, rows: [0, 1, 2].map((place) => example(place)) });
      const told = () => root.querySelector(".ait-saving").textContent;
      vi.advanceTimersByTime(begun);
      strike(root, "9");
      strike(root, "1");
      vi.advanceTimersByTime(900);
      expect(told()).toBe("");
      for (let passed = 1000; passed < 12000; passed += 100) {
        vi.advanceTimersByTime(100);
        expect(told()).toBe("2 not yet saved");
      }
      model.ack(1);
      model.ack(2);
      expect(told()).toBe("2 saved");
    },
  );

  test("the end tells what the session did and what is next", () => {
    const session = { rated: "1", "mean rating": "8.00" };
    const { model, root } = show(rater, { total: 1, rows: [example(0)], settings: { next: "ait.split()" } });
    press(root, "8");
    model.ack(1, { counts: { rated: 1, examples: 1, session } });
    expect(root.querySelector(".ait-end").textContent).toMatch(
      /1 of 1 examples are rated.*mean rating8\.00.*ait\.split\(\)/,
    );
    press(root, "u");
    expect(answer(root)).toBe("answer 0");
  });

  test("the ratings are one group of named radio buttons with one stop for Tab", () => {
    const { root } = show(rater, { total: 1, rows: [example(0, { rating: 7 })] });
    const marks = [...root.querySelectorAll("[role=radiogroup] [role=radio]")];
    expect(marks).toHaveLength(10);
    expect(marks.filter((mark) => mark.tabIndex === 0)).toEqual([marks[6]]);
    expect(marks[6].getAttribute("aria-checked")).toBe("true");
    marks[6].focus();
    press(marks[6], "ArrowRight");
    expect(document.activeElement).toBe(marks[7]);
    press(marks[7], "Enter");
    expect(root.querySelector(".ait-where").textContent).toBe("1 of 1");
  });

  test("leaving takes everything along", () => {
    const { el, dispose, model } = show(rater);
    dispose();
    expect(el.children).toHaveLength(0);
    vi.advanceTimersByTime(20000);
    expect(model.of("hello")).toHaveLength(1);
  });
});
