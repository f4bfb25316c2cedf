// What the widgets are made of: differences, Markdown, turns, a bar, and questions to the kernel.

import { beforeEach, afterEach, describe, expect, test, vi } from "vitest";
import bar from "../../aitelier_nb/widgets/bar.js";
import table from "../../aitelier_nb/widgets/table.js";
import splitter from "../../aitelier_nb/widgets/splitter.js";
import adder from "../../aitelier_nb/widgets/adder.js";
import monitor from "../../aitelier_nb/widgets/monitor.js";
import rater from "../../aitelier_nb/widgets/rater.js";
import scorer from "../../aitelier_nb/widgets/scorer.js";
import comparator from "../../aitelier_nb/widgets/comparator.js";
import { Calls } from "../../aitelier_nb/widgets/calls.js";
import { difference } from "../../aitelier_nb/widgets/diffs.js";
import { markdown } from "../../aitelier_nb/widgets/markdown.js";
import { textOf, turn } from "../../aitelier_nb/widgets/page.js";
import { leftBehind } from "../../aitelier_nb/widgets/shelf.js";
import { fakeModel, fresh, press, show, example } from "./fake.js";

beforeEach(fresh);
afterEach(() => vi.useRealTimers());

const button = (root, name) =>
  [...root.querySelectorAll("button")].find((one) => one.firstChild.textContent === name);

function open(widget, hello) {
  const model = fakeModel();
  const el = document.body.appendChild(document.createElement("div"));
  const dispose = widget.render({ model, el });
  model.say("hello", hello);
  return { model, el, root: el.querySelector(".ait"), dispose };
}

async function answer(model, kind, message, reply = "page") {
  const asked = model.of(kind).at(-1);
  model.say(reply, { seq: asked.seq, ok: true, ...message });
  await vi.advanceTimersByTimeAsync(1);
  return asked;
}

describe("a difference", () => {
  const text = (kinds, steps) =>
    steps
      .filter(([kind]) => kinds.includes(kind))
      .map(([, part]) => part)
      .join("");

  test("keeps what both have between what changed", () => {
    expect(difference("one two three four", "one 2 three 4")).toEqual([
      ["same", "one "],
      ["out", "two"],
      ["in", "2"],
      ["same", " three "],
      ["out", "four"],
      ["in", "4"],
    ]);
    expect(difference("", "new")).toEqual([["in", "new"]]);
    expect(difference("", "")).toEqual([]);
  });

  test("always gives both texts back, and its common part is as long as can be", () => {
    let state = 7;
    const draw = (n) => (state = (state * 1103515245 + 12345) % 2147483648) % n;
    const words = () => Array.from({ length: draw(9) }, () => "abc"[draw(3)]).join(" ");
    for (let round = 0; round < 300; round += 1) {
      const [before, after] = [words(), words()];
      const steps = difference(before, after);
      expect(text(["same", "out"], steps)).toBe(before);
      expect(text(["same", "in"], steps)).toBe(after);
    }
  });

  test("compares very long texts by lines, and replaces what is longer still", () => {
    const lines = (n, more) => Array.from({ length: n }, (_, place) => "line " + place + more).join("\n");
    const steps = difference("first\n" + lines(900, ""), "other\n" + lines(900, ""));
    expect(steps.map(([kind]) => kind)).toEqual(["out", "in", "same"]);
    expect(steps[0][1]).toBe("first\n");
    const far = difference(lines(2100, "a"), lines(2100, "b"));
    expect(far.map(([kind]) => kind)).toEqual(["out", "in"]);
  });
});

test("Markdown knows lists, quotes, code and emphasis, and leaves other addresses as they are", () => {
  const block = document.createElement("div");
  markdown(
    block,
    "1. one\n2) two\n\n> said\n> twice\n\n* *soft* and `code`\n\n```py\nx < 1\n```\n[go](javascript:x) [on](https://a.b)",
  );
  expect([...block.children].map((one) => one.tagName)).toEqual(["OL", "BLOCKQUOTE", "UL", "PRE", "P"]);
  expect([...block.querySelectorAll("ol li")].map((one) => one.textContent)).toEqual(["one", "two"]);
  expect(block.querySelector("blockquote").textContent).toBe("said\ntwice");
  expect(block.querySelector("em").textContent).toBe("soft");
  expect(block.querySelector("pre code").textContent).toBe("x < 1");
  expect([...block.querySelectorAll("a")].map((one) => one.href)).toEqual(["https://a.b/"]);
});

test("content of any shape becomes text, and an unknown speaker is named", () => {
  expect(textOf(undefined)).toBe("");
  expect(textOf({ content: null })).toBe("");
  expect(textOf({ content: { a: 1 } })).toBe('{"a":1}');
  expect(textOf({ content: [{ text: "t" }, { type: "image_url" }, {}, null] })).toBe(
    "t[image_url][part][part]",
  );
  const block = turn({ role: "critic", content: "hm" });
  expect(block.className).toMatch(/ait-other/);
  expect(block.querySelector(".ait-role").textContent).toBe("critic");
});

test("a shelf that holds something else is cleared of it, and what is ours is found", () => {
  sessionStorage.setItem("aitelier:torn", "{");
  sessionStorage.setItem("aitelier:mine", JSON.stringify({ store: "shop", edits: [1] }));
  sessionStorage.setItem("theirs", "{");
  expect(leftBehind(sessionStorage, "shop")).toEqual([{ key: "aitelier:mine", edits: [1] }]);
  expect(Object.keys(sessionStorage).sort()).toEqual(["aitelier:mine", "theirs"]);
  expect(leftBehind(null, "shop")).toEqual([]);
});

test("a bar follows its model, hides at the end, and stops listening when it goes", () => {
  const values = { text: "answers 3/40", done: 3, total: 40, finished: false };
  const model = Object.assign(fakeModel(), { get: (name) => values[name] });
  const el = document.createElement("div");
  const dispose = bar.render({ model, el });
  expect(el.querySelector("progress").value).toBe(3);
  expect(el.querySelector("progress").max).toBe(40);
  Object.assign(values, { text: "answers 40/40", done: 40, finished: true });
  model.emit("change");
  expect(el.textContent).toBe("answers 40/40");
  expect(el.querySelector(".ait").hidden).toBe(true);
  dispose();
  values.text = "later";
  model.emit("change");
  expect(el.textContent).toBe("answers 40/40");
  Object.assign(values, { total: 0, finished: false });
  bar.render({ model, el });
  expect(el.querySelectorAll("progress")[1].hasAttribute("value")).toBe(false); // how much there is to do is not known
});

describe("questions to the kernel", () => {
  test("are asked again until they are answered, and by whom else is no answer", async () => {
    const model = fakeModel();
    const calls = new Calls(model, vi.fn(), vi.fn(), vi.fn());
    const asked = calls.ask({ kind: "fetch" });
    await vi.advanceTimersByTimeAsync(1000);
    const late = calls.ask({ kind: "late" });
    await vi.advanceTimersByTimeAsync(2100);
    expect(model.of("fetch")).toHaveLength(2);
    expect(model.of("late")).toHaveLength(1);
    expect(model.of("hello")).toHaveLength(2);
    model.emit("msg:custom", { kind: "page", session: "another", seq: 1 });
    model.say("page", { seq: 1, rows: [] });
    expect((await asked).rows).toEqual([]);
    model.say("page", { seq: 1, rows: [1] }); // an answer to what was answered
    model.say("ack", { seq: 2 });
    expect((await late).seq).toBe(2);
    expect(model.of("settled")).toHaveLength(1);
    calls.dispose();
    await vi.advanceTimersByTimeAsync(9000);
    expect(model.of("hello")).toHaveLength(2);
  });

  test("find out that nobody listens when the connection closes, and ask no more", () => {
    const model = fakeModel();
    const ongone = vi.fn();
    const calls = new Calls(model, vi.fn(), ongone, vi.fn());
    model.emit("comm_live_update");
    expect(model.of("ping")).toHaveLength(1);
    model.alive = false;
    model.emit("comm_live_update");
    model.alive = true;
    calls.send({ kind: "fetch" });
    expect(ongone).toHaveBeenCalledTimes(1);
    expect(model.of("fetch")).toHaveLength(0);
  });
});

describe("an example in the table", () => {
  const hello = { total: 1, rows: [{ id: 1, input: "in", output: "out" }], settings: { threshold: 8 } };

  async function opened(more = {}, settings = {}) {
    const shown = open(table, { ...hello, settings: { ...hello.settings, ...settings } });
    shown.root.querySelector(".ait-link").click();
    const history = [{ kind: "rate" }];
    await answer(shown.model, "fetch", { example: example(0, more), history });
    return shown;
  }

  test("is moved, rewritten, undone and deleted, and each is told", async () => {
    const { model, root } = await opened({ split: "train", rating: 3 });
    const told = () => root.querySelector(".ait-told").textContent;
    const part = root.querySelector(".ait-detail select");
    expect(part.value).toBe("train");
    part.value = "";
    part.dispatchEvent(new Event("change"));
    expect(await answer(model, "split", {}, "ack")).toMatchObject({ id: 1, value: null, before: 3 });
    expect(told()).toBe("Saved.");
    await answer(model, "fetch", { example: example(0) });
    root.querySelector(".ait-detail textarea").value = "new";
    button(root, "Save the text, then rate it").click();
    expect(await answer(model, "rewrite", { example: example(0) }, "ack")).toMatchObject({ text: "new" });
    await answer(model, "fetch", { example: example(0) });
    button(root, "Undo").click();
    expect(await answer(model, "undo", {}, "ack")).toMatchObject({ of: null });
    expect(told()).toBe("Undone.");
    await answer(model, "fetch", { example: example(0), history: [] });
    expect(root.querySelector(".ait-detail summary").textContent).toBe("History: 0 edits");
    button(root, "Delete").click();
    await answer(model, "delete", {}, "ack");
    expect(told()).toBe("Deleted.");
    expect(root.querySelector(".ait-detail").hidden).toBe(true);
  });

  test("is closed, and an edit that is refused leaves it as it is", async () => {
    const { model, root } = await opened(
      { messages: [{ role: "user", content: "only asked" }] },
      { splits: false },
    );
    expect(root.querySelector(".ait-detail select")).toBe(null);
    expect(root.querySelector(".ait-detail textarea")).toBe(null);
    expect(root.querySelector(".ait-detail summary").textContent).toBe("History: 1 edit");
    press(root.querySelector("input"), "Enter", { ctrlKey: true }); // there is no text to save
    button(root, "Delete").click();
    await answer(model, "delete", { error: "it moved on" }, "ack");
    expect(root.querySelector(".ait-detail").hidden).toBe(false);
    expect(root.querySelector(".ait-told").textContent).toBe("it moved on");
    button(root, "Close").click();
    expect(root.querySelector(".ait-detail").hidden).toBe(true);
  });

  test("Escape leaves the search; a page that comes after another search is not shown", async () => {
    const rows = Array.from({ length: 100 }, (_, place) => ({ id: place + 1, split: "val", rating: 0 }));
    const { model, root } = open(table, { ...hello, total: 900, rows });
    expect(root.querySelector(".ait-rows .ait-col-split").textContent).toBe("validation");
    const scroller = root.querySelector(".ait-scroller");
    scroller.scrollTop = 30 * 500;
    scroller.dispatchEvent(new Event("scroll"));
    const late = model.of("fetch").at(-1);
    root.querySelector("input[type=search]").focus();
    press(document.activeElement, "Escape");
    expect(document.activeElement).toBe(root);
    root.querySelectorAll("select")[1].dispatchEvent(new Event("change"));
    await answer(model, "fetch", { total: 1, rows: [{ id: 7, input: "found" }] });
    model.say("page", { seq: late.seq, rows });
    await vi.advanceTimersByTimeAsync(1);
    expect(root.querySelector(".ait-rows").textContent).toMatch(/found/);
    expect(root.querySelectorAll(".ait-rows .ait-row")).toHaveLength(1);
  });
});

describe("forms", () => {
  test("turns are taken out again, speakers chosen, and a paste saved by its button", async () => {
    const { model, root } = open(adder, { settings: {} });
    button(root, "Add a turn").click();
    button(root, "Add a turn").click();
    button(root, "Remove").click();
    const speakers = () => [...root.querySelectorAll("select")];
    expect(speakers().map((one) => one.value)).toHaveLength(3);
    const last = speakers().at(-1);
    last.value = "user";
    last.dispatchEvent(new Event("change"));
    button(root, "Add a turn").click();
    expect(speakers().at(-1).value).toBe("assistant");
    root.querySelector("details textarea").value = "User: q";
    button(root, "Add what was pasted").click();
    await answer(model, "paste", { ok: false, error: "no answer in it" }, "ack");
    expect(root.querySelector("details textarea").value).toBe("User: q");
  });

  test("a split that is refused keeps its state", async () => {
    const state = {
      train: 0,
      val: 0,
      unassigned: 2,
      ratio: 0.8,
      strata: [{ rating: "9", train: 0, val: 0, unassigned: 2 }],
    };
    const { model, root } = open(splitter, { state });
    const slider = root.querySelector("input[type=range]");
    slider.value = "70";
    slider.dispatchEvent(new Event("input"));
    await vi.advanceTimersByTimeAsync(300);
    await answer(model, "fetch", { error: "too few" });
    expect(root.querySelector(".ait-told").textContent).toBe("too few");
    expect([...root.querySelectorAll("tbody td")].at(-1).textContent).toBe("");
  });

  test("a job's facts are a table, and one loss is no curve", async () => {
    const job = { line: "queued", ended: false, losses: [[1, 2]], facts: { model: "m", epochs: 3 } };
    const { model, root, dispose } = open(monitor, { job });
    expect(root.querySelector("table").textContent).toBe("modelmepochs3");
    expect(root.querySelector("svg")).toBe(null);
    button(root, "Cancel the job").click();
    await answer(model, "cancel", { error: "it has ended" }, "ack");
    expect(root.textContent).toMatch(/it has ended/);
    dispose();
    await vi.advanceTimersByTimeAsync(60000);
    expect(model.of("fetch")).toHaveLength(0);
  });
});

test.each([
  ["table", table, { total: 0, rows: [], settings: {} }],
  ["split", splitter, { state: { train: 0, val: 0, unassigned: 0, ratio: 0.8, strata: [] } }],
  ["form", adder, { settings: {} }],
  ["job", monitor, { job: { line: "completed", ended: true } }],
])("a %s that goes takes everything along", async (_, widget, hello) => {
  const { model, el, dispose } = open(widget, hello);
  dispose();
  expect(el.children).toHaveLength(0);
  const sent = model.sent.length;
  await vi.advanceTimersByTimeAsync(60000);
  model.emit("comm_live_update");
  expect(model.sent).toHaveLength(sent);
});

describe("a view of one example at a time", () => {
  test.each([
    ["rater", rater],
    ["scorer", scorer],
    ["comparator", comparator],
  ])("the %s tells what is refused and what cannot be read, and goes without a trace", (_, widget) => {
    const row = (place) => ({ ...example(place), left: "l", right: "r", expected: "e", actual: "a" });
    const { model, el, root, dispose } = show(widget, { total: 60, rows: [row(0), row(1)] });
    const told = () => root.querySelector(".ait-told").textContent;
    press(root, "1");
    model.ack(1, { ok: false, error: "it moved on", hint: "look again" });
    expect(told()).toBe("it moved on: look again");
    model.say("page", { start: 2, error: "line 3 is broken" });
    expect(told()).toBe("line 3 is broken");
    model.say("hello", { total: 1 }); // a second greeting changes nothing
    expect(root.querySelector(".ait-where").textContent).toMatch(/of 60/);
    dispose();
    expect(el.children).toHaveLength(0);
  });

  test("why it cannot begin is told", () => {
    const model = fakeModel();
    const el = document.body.appendChild(document.createElement("div"));
    rater.render({ model, el });
    expect(el.textContent).toMatch(/Waiting for the kernel/);
    press(el.querySelector(".ait"), "8");
    press(el.querySelector(".ait"), "u");
    model.say("hello", { error: "the file cannot be read", hint: "restore it" });
    expect(el.querySelector(".ait-told").textContent).toBe("the file cannot be read: restore it");
    expect(model.of("rate").concat(model.of("undo"))).toEqual([]);
  });

  test("what was left from before an interruption is told, and news bring the examples anew", () => {
    const edits = [{ kind: "rate", id: 1, session: "old", seq: 4, value: 3 }];
    sessionStorage.setItem("aitelier:old", JSON.stringify({ store: "shop", edits }));
    const { model, root } = show(rater);
    expect(root.querySelector(".ait-told").textContent).toMatch(/1 from before the interruption/);
    const before = model.of("fetch").length;
    model.emit("msg:custom", { kind: "news" });
    expect(model.of("fetch").length).toBeGreaterThan(before);
    model.say("acks", { acks: [{ session: "old", seq: 4, ok: true }] });
    expect(root.querySelector(".ait-where").textContent).toBe("2 of 60");
  });

  test("a kernel that is gone takes no text box and no decision, and says what is kept", () => {
    const { model, root } = show(rater);
    model.alive = false;
    press(root, "8");
    press(root, "8");
    expect(root.querySelector(".ait-live").textContent).toMatch(/The kernel is gone/);
    press(root, "e");
    expect(root.querySelector("textarea")).toBe(null);
    press(root, "u");
    expect(root.querySelector("[role=alert]").textContent).toMatch(/not yet saved/);
  });
});
