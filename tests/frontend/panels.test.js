// Table, split, form and job: widgets that ask the kernel and show its answer.

import { beforeEach, afterEach, describe, expect, test, vi } from "vitest";
import table from "../../aitelier_nb/widgets/table.js";
import splitter from "../../aitelier_nb/widgets/splitter.js";
import adder from "../../aitelier_nb/widgets/adder.js";
import monitor from "../../aitelier_nb/widgets/monitor.js";
import { fakeModel, press, fresh, example } from "./fake.js";

beforeEach(fresh);
afterEach(() => vi.useRealTimers());

const HOSTILE = "<img src=x onerror='globalThis.hit = 1'><script>globalThis.hit = 1</script></textarea>";

function open(widget, hello) {
  const model = fakeModel();
  const el = document.body.appendChild(document.createElement("div"));
  const dispose = widget.render({ model, el });
  model.say("hello", hello);
  return { model, root: el.querySelector(".ait"), dispose };
}

/** Answer the latest question of a kind and let the widget draw. */
async function answer(model, kind, message, reply = "page") {
  const asked = model.of(kind).at(-1);
  model.say(reply, { seq: asked.seq, ok: true, ...message });
  await vi.advanceTimersByTimeAsync(1);
  return asked;
}

const row = (place) => ({ id: place + 1, rating: null, split: null, input: "in " + place, output: HOSTILE });
const rows = (start, n) => Array.from({ length: n }, (_, offset) => row(start + offset));
const button = (root, name) =>
  [...root.querySelectorAll("button")].find((one) => one.firstChild.textContent === name);

describe("table", () => {
  const hello = { total: 100000, rows: rows(0, 100), settings: { threshold: 8, splits: true } };

  test("100,000 rows are a few rows on the page, and others are asked for when one gets there", async () => {
    const { model, root } = open(table, hello);
    expect(root.querySelectorAll(".ait-rows .ait-row").length).toBeLessThan(30);
    expect(root.textContent).toMatch(/100,000 examples/);
    const scroller = root.querySelector(".ait-scroller");
    scroller.scrollTop = 30 * 70000;
    scroller.dispatchEvent(new Event("scroll"));
    const asked = await answer(model, "fetch", { rows: rows(70000, 100) });
    expect(asked).toMatchObject({ start: 70000 - (70000 % 100), n: 100 });
    expect(root.querySelector(".ait-rows").textContent).toMatch(/in 70000/);
    expect(root.querySelectorAll(".ait-rows .ait-row").length).toBeLessThan(30);
  });

  test("it is as tall as it has rows, up to a screenful, and a search that finds less moves nothing", async () => {
    const few = open(table, { ...hello, total: 5, rows: rows(0, 5) });
    const many = open(table, hello);
    const height = ({ root }) => parseInt(root.querySelector(".ait-scroller").style.height);
    expect(height(few)).toBe(5 * 30);
    expect(height(many)).toBeGreaterThan(height(few));
    const before = height(many);
    const rated = many.root.querySelector("select");
    rated.dispatchEvent(new Event("change"));
    await answer(many.model, "fetch", { total: 1, rows: rows(0, 1) });
    expect(many.root.textContent).toMatch(/1 example/);
    expect(height(many)).toBe(before);
  });

  test("searching waits for the typing to rest; an answer that is out of date is not shown", async () => {
    const { model, root } = open(table, hello);
    const search = root.querySelector("input[type=search]");
    for (const text of ["o", "or", "ord"]) {
      search.value = text;
      search.dispatchEvent(new Event("input"));
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(model.of("fetch")).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(200);
    expect(model.of("fetch").map((one) => one.query.text)).toEqual(["ord"]);
    search.value = "order";
    press(search, "Enter");
    model.say("page", { seq: model.of("fetch")[0].seq, total: 1, rows: rows(0, 1) });
    await vi.advanceTimersByTimeAsync(1);
    expect(root.textContent).toMatch(/100,000 examples/);
    await answer(model, "fetch", { total: 2, rows: rows(0, 2) });
    expect(root.textContent).toMatch(/2 examples/);
  });

  test("a head sorts, and says how", async () => {
    const { model, root } = open(table, hello);
    const head = root.querySelector(".ait-col-rating");
    head.querySelector("button").click();
    expect(head.getAttribute("aria-sort")).toBe("ascending");
    head.querySelector("button").click();
    expect(head.getAttribute("aria-sort")).toBe("descending");
    expect(model.of("fetch").at(-1).query).toMatchObject({ sort: "rating", descending: true });
  });

  test("an example opens, is edited, and its history is text", async () => {
    const { model, root } = open(table, hello);
    root.querySelector(".ait-link").click();
    const history = [{ at: "now", by: "anna", kind: "rewrite", before: { text: HOSTILE }, after: {} }];
    await answer(model, "fetch", { example: example(0, { version: 3, rating: 5 }), history });
    const box = root.querySelector("textarea");
    press(box, "9");
    expect(model.sent.filter((one) => one.kind === "rate")).toHaveLength(0);
    box.value = "better";
    press(box, "Enter", { ctrlKey: true });
    expect(model.of("rewrite")[0]).toMatchObject({ id: 1, text: "better", value: null, version: 3 });
    root.querySelector(".ait-detail [role=radio]:nth-child(9)").click();
    expect(model.of("rate")[0]).toMatchObject({ id: 1, value: 9, before: 5 });
    expect(root.querySelectorAll("img, script")).toHaveLength(0);
    expect(globalThis.hit).toBe(undefined);
  });

  test("what the kernel refuses is told, and a kernel that is gone too", async () => {
    const { model, root } = open(table, hello);
    root.querySelector(".ait-link").click();
    await answer(model, "fetch", { error: "there is no example 1", hint: "`ait list` shows the ids" });
    expect(root.querySelector("[role=status].ait-told").textContent).toMatch(/no example 1: `ait list`/);
    model.alive = false;
    root.querySelector(".ait-link").click();
    expect(root.querySelector("[role=alert]").hidden).toBe(false);
  });
});

describe("split", () => {
  const strata = [{ rating: "9", train: 6, val: 2, unassigned: 4, quota: "2.4" }];
  const state = { train: 6, val: 2, unassigned: 4, ratio: 0.8, strata, notes: [HOSTILE] };

  function slide(root, percent) {
    const slider = root.querySelector("input[type=range]");
    slider.value = String(percent);
    slider.dispatchEvent(new Event("input"));
  }

  test("the slider asks and writes nothing; only the button splits", async () => {
    const { model, root } = open(splitter, { state });
    expect(button(root, "Split the unassigned").disabled).toBe(true);
    slide(root, 60);
    slide(root, 70);
    await vi.advanceTimersByTimeAsync(100);
    await answer(model, "fetch", { state: { ...state, train: 9, preview: true, changes: true } });
    expect(model.of("fetch").map((one) => one.ratio)).toEqual([0.7]);
    expect(root.textContent).toMatch(/Preview, nothing is written: 9 train/);
    expect(model.of("split")).toHaveLength(0);
    button(root, "Split the unassigned").click();
    await answer(model, "split", { state: { ...state, train: 9, unassigned: 0 } }, "ack");
    expect(model.of("split")[0].ratio).toBe(0.7);
    expect(root.textContent).toMatch(/Split: 9 train, 2 validation/);
    expect(root.querySelector("img")).toBe(null);
  });

  test("a preview begins with what the ratio would give", async () => {
    const { model, root } = open(splitter, { state, settings: { preview: true } });
    await answer(model, "fetch", { state: { ...state, train: 8, preview: true, changes: true } });
    expect(root.textContent).toMatch(/Preview, nothing is written: 8 train/);
    expect(button(root, "Split the unassigned").disabled).toBe(false);
  });

  test("the table beside the picture holds the same numbers", () => {
    const { root } = open(splitter, { state });
    expect([...root.querySelectorAll("tbody td")].map((cell) => cell.textContent)).toEqual([
      "6",
      "2",
      "4",
      "2.4",
    ]);
    expect(root.querySelector(".ait-strata").getAttribute("aria-hidden")).toBe("true");
  });
});

describe("form", () => {
  test("turns and a rating are sent together; the form is empty once they are saved", async () => {
    const { model, root } = open(adder, { settings: { threshold: 8 } });
    const [asked, answered] = root.querySelectorAll("textarea");
    asked.value = "q";
    answered.value = HOSTILE;
    press(answered, "9");
    root.querySelector("[role=radio]:nth-child(9)").click();
    press(answered, "Enter", { ctrlKey: true });
    const sent = await answer(model, "add", { told: "Added as example 4." }, "ack");
    expect(sent).toMatchObject({
      messages: [
        { role: "user", content: "q" },
        { role: "assistant", content: HOSTILE },
      ],
      rating: 9,
    });
    expect(root.textContent).toMatch(/Added as example 4/);
    expect([...root.querySelectorAll("textarea")].map((box) => box.value).join("")).toBe("");
  });

  test("what is refused stays in the form", async () => {
    const { model, root } = open(adder, { settings: {} });
    root.querySelector("textarea").value = "q";
    button(root, "Save the example").click();
    await answer(model, "add", { ok: false, error: "the assistant text is empty" }, "ack");
    expect(root.querySelector("textarea").value).toBe("q");
    expect(root.textContent).toMatch(/assistant text is empty/);
  });

  test("more turns, other roles, and a paste", async () => {
    const { model, root } = open(adder, { settings: {} });
    button(root, "Add a turn").click();
    const roles = [...root.querySelectorAll("select")].map((one) => one.value);
    expect(roles).toEqual(["user", "assistant", "user"]);
    root.querySelector("details textarea").value = '{"messages": []}';
    press(root.querySelector("details textarea"), "Enter", { ctrlKey: true });
    expect(model.of("add")).toHaveLength(0);
    expect((await answer(model, "paste", { told: "Added 3." }, "ack")).text).toBe('{"messages": []}');
  });
});

describe("job", () => {
  const job = {
    line: "running, step 3",
    ended: false,
    step: 3,
    total_steps: 9,
    losses: [
      [1, 2],
      [2, 1],
    ],
  };

  test("is looked at again while it goes on, also after a look that failed, and no more once it ended", async () => {
    const { model, root } = open(monitor, { job: { ...job, every: 5 } });
    await vi.advanceTimersByTimeAsync(4900);
    expect(model.of("fetch")).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(200);
    await answer(model, "fetch", { error: "no connection" });
    await vi.advanceTimersByTimeAsync(5100);
    expect(model.of("fetch")).toHaveLength(2);
    await answer(model, "fetch", { job: { ...job, ended: true, line: "completed" } });
    await vi.advanceTimersByTimeAsync(60000);
    expect(model.of("fetch")).toHaveLength(2);
    expect(root.textContent).toMatch(/completed/);
    expect(root.querySelector("progress").hidden).toBe(true);
    expect(root.querySelector("svg[role=img]").getAttribute("aria-label")).toMatch(/from 2.000 to 1.000/);
  });

  test("is ended by its button, which goes with it", async () => {
    const { model, root } = open(monitor, { job });
    button(root, "Cancel the job").click();
    await answer(model, "cancel", { job: { ...job, ended: true, line: "cancelled" } }, "ack");
    expect(root.textContent).toMatch(/cancelled/);
    expect(button(root, "Cancel the job").hidden).toBe(true);
  });
});

test("why a widget cannot begin is told, and it asks again", async () => {
  const { model, root } = open(splitter, { error: "the file cannot be read", hint: "restore it" });
  expect(root.querySelector("[role=status].ait-told").textContent).toBe(
    "the file cannot be read: restore it",
  );
  await vi.advanceTimersByTimeAsync(3100);
  expect(model.of("hello")).toHaveLength(2);
});
