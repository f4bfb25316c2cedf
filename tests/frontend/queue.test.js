import { beforeEach, afterEach, describe, expect, test, vi } from "vitest";
import { Queue } from "../../aitelier_nb/widgets/queue.js";
import { afterPaint } from "../../aitelier_nb/widgets/page.js";
import { fakeModel, examples, example, fresh } from "./fake.js";

let model;
let queue;
const seen = [];

function begin(options = {}) {
  model = fakeModel();
  seen.length = 0;
  queue = new Queue(model, (what, message) => seen.push([what, message]));
  const { total = 100, start = 0, rows = examples(0, 25), store = "shop" } = options;
  model.say("hello", { total, start, first: 0, examples: rows, settings: { store } });
}

/** Let a moment pass, after which decisions are sent that were faster than the kernel. */
const gathered = () => vi.advanceTimersByTime(100);

beforeEach(fresh);
afterEach(() => {
  queue?.dispose();
  vi.useRealTimers();
});

describe("filling", () => {
  test("the kernel is asked again until it answers", () => {
    model = fakeModel();
    queue = new Queue(model, () => {});
    expect(model.of("hello")).toHaveLength(1);
    vi.advanceTimersByTime(3100);
    expect(model.of("hello")).toHaveLength(2);
  });

  test("the next page is asked for before the reader gets there, once", () => {
    begin();
    for (let place = 0; place < 20; place += 1) queue.go(place + 1);
    expect(model.of("fetch").map((ask) => ask.start)).toEqual([25, 50]);
  });

  test("a page that does not come is asked for again", () => {
    begin();
    queue.go(20);
    vi.advanceTimersByTime(3100);
    queue.go(26);
    vi.advanceTimersByTime(3100);
    expect(model.of("fetch").length).toBeGreaterThan(1);
  });

  test("examples far behind are forgotten, so that 100,000 fit", () => {
    begin({ total: 100000 });
    for (let start = 25; start < 500; start += 25) {
      queue.go(start - 1);
      model.say("page", { start, examples: examples(start, 25) });
    }
    expect(queue.rows.size).toBeLessThan(160);
    expect(queue.current.id).toBe(475);
  });

  test("moving back beyond what is kept asks for the pages before", () => {
    begin({ total: 1000, start: 500, rows: [] });
    model.say("page", { start: 500, examples: examples(500, 25) });
    queue.go(499);
    expect(model.of("fetch").some((ask) => ask.start <= 499 && ask.start > 400)).toBe(true);
  });
});

describe("saving", () => {
  test("each decision has a session and a number, in the order of the keys", () => {
    begin();
    for (let key = 1; key <= 60; key += 1) {
      queue.rows.set(queue.place, example(queue.place));
      queue.decide({ kind: "rate", value: (key % 10) + 1 });
    }
    gathered();
    const rates = model.of("rate");
    expect(rates.map((one) => one.seq)).toEqual(Array.from({ length: 60 }, (_, place) => place + 1));
    expect(rates.map((one) => one.id)).toEqual(Array.from({ length: 60 }, (_, place) => place + 1));
    expect(new Set(rates.map((one) => one.session)).size).toBe(1);
  });

  test("what is not acknowledged is sent again, the same, until it is", () => {
    begin();
    queue.decide({ kind: "rate", value: 8 });
    queue.decide({ kind: "rate", value: 7 });
    gathered();
    model.ack(1);
    vi.advanceTimersByTime(6500);
    const sent = model.of("rate");
    expect(sent.filter((one) => one.seq === 1)).toHaveLength(1);
    expect(sent.filter((one) => one.seq === 2).length).toBeGreaterThan(1);
    expect(sent.at(-1)).toEqual(sent[1]);
    model.ack(2);
    const before = model.of("rate").length;
    vi.advanceTimersByTime(10000);
    expect(model.of("rate")).toHaveLength(before);
    expect(queue.unsaved).toBe(0);
  });

  test("a refused decision gives the example back as it was", () => {
    begin();
    queue.decide({ kind: "rate", value: 8 }, { change: { rating: 8 } });
    expect(queue.rows.get(0).rating).toBe(8);
    model.ack(1, { ok: false, error: "no" });
    expect(queue.rows.get(0).rating).toBe(null);
    expect(seen.at(-1)[0]).toBe("refused");
  });

  test("when all is saved the static output is brought up to date, once", () => {
    begin();
    queue.decide({ kind: "rate", value: 8 });
    queue.decide({ kind: "rate", value: 8 });
    model.ack(1);
    model.ack(2);
    vi.advanceTimersByTime(1000);
    expect(model.of("settled")).toHaveLength(1);
  });

  test("a decision of another view of the same data changes what is shown here", () => {
    begin();
    model.emit("msg:custom", {
      kind: "ack",
      session: "other",
      seq: 1,
      ok: true,
      example: { id: 3, rating: 9 },
    });
    expect(queue.rows.get(2).rating).toBe(9);
    expect(queue.rows.get(2).messages).toHaveLength(2);
  });

  test("a planted repeat learns nothing from the first rating", () => {
    begin();
    queue.rows.set(5, example(0, { repeat: true }));
    queue.decide({ kind: "rate", value: 8 }, { change: { rating: 8 } });
    model.ack(1, { example: { id: 1, rating: 8 } });
    expect(queue.rows.get(5).rating).toBe(null);
  });
});

describe("the kernel is gone", () => {
  test("it is noticed at the next message, and nothing more is accepted", () => {
    begin();
    model.alive = false;
    expect(queue.decide({ kind: "rate", value: 8 })).not.toBe(null);
    expect(queue.gone).toBe(true);
    expect(queue.decide({ kind: "rate", value: 8 })).toBe(null);
    expect(queue.unsaved).toBe(1);
  });

  test("it is noticed without a key when the connection closes", () => {
    begin();
    model.alive = false;
    model.emit("comm_live_update");
    expect(queue.gone).toBe(true);
  });

  test("what was not saved survives a reload and is sent by the next view with its own numbers", () => {
    begin();
    queue.decide({ kind: "rate", value: 8 });
    queue.decide({ kind: "rate", value: 9 });
    gathered();
    model.ack(1);
    const lost = model.of("rate")[1];
    queue.dispose();
    begin();
    expect(model.of("rate")).toEqual([lost]);
    expect(queue.unsaved).toBe(1);
    queue.go(1);
    const row = { id: lost.id, rating: 9 };
    model.emit("msg:custom", { kind: "ack", session: lost.session, seq: lost.seq, ok: true, example: row });
    expect(queue.unsaved).toBe(0);
    expect(queue.place).toBe(2);
    vi.advanceTimersByTime(100);
    expect(sessionStorage).toHaveLength(0);
  });

  test("a page that is left right after a key keeps the decision, and a crash costs 50 ms at most", () => {
    begin();
    queue.decide({ kind: "rate", value: 8 });
    globalThis.dispatchEvent(new Event("pagehide"));
    expect(JSON.parse(sessionStorage.getItem(sessionStorage.key(0))).edits).toEqual(model.of("rate"));
    queue.decide({ kind: "rate", value: 9 });
    vi.advanceTimersByTime(50);
    const { edits } = JSON.parse(sessionStorage.getItem(sessionStorage.key(0)));
    gathered();
    expect(edits).toEqual(model.of("rate"));
    expect(edits).toHaveLength(2);
  });

  test("what belongs to other data or to a living view stays where it is", () => {
    begin();
    const first = queue;
    queue.decide({ kind: "rate", value: 8 });
    begin({ store: "shop" });
    expect(model.of("rate")).toHaveLength(0);
    first.dispose();
    queue.dispose();
    begin({ store: "another" });
    expect(model.of("rate")).toHaveLength(0);
    expect(sessionStorage).toHaveLength(1);
  });

  test("what a view without a kernel could not send is taken over by one in another cell, once", () => {
    begin();
    const first = queue;
    queue.decide({ kind: "rate", value: 8 });
    const [lost] = model.of("rate");
    model.alive = false;
    model.emit("comm_live_update");
    begin();
    expect(model.of("rate")).toEqual([lost]);
    model.emit("msg:custom", { kind: "ack", session: lost.session, seq: lost.seq, ok: true });
    vi.advanceTimersByTime(100);
    globalThis.dispatchEvent(new Event("pagehide"));
    expect([first.gone, sessionStorage.length]).toEqual([true, 0]);
    first.dispose();
  });

  test("a frame without an origin has no storage, which costs the reload only", () => {
    const forbidden = vi.spyOn(globalThis, "sessionStorage", "get").mockImplementation(() => {
      throw new DOMException("The document is sandboxed", "SecurityError");
    });
    begin();
    queue.decide({ kind: "rate", value: 8 });
    vi.advanceTimersByTime(100);
    expect(model.of("rate")).toHaveLength(1);
    model.alive = false;
    queue.decide({ kind: "rate", value: 9 });
    model.ack(1);
    expect(queue.unsaved).toBe(1);
    queue.dispose();
    forbidden.mockRestore();
  });

  test("a full storage costs the reload only", () => {
    begin();
    const full = vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    queue.decide({ kind: "rate", value: 8 });
    expect(model.of("rate")).toHaveLength(1);
    full.mockRestore();
  });
});

describe("undo", () => {
  test("goes back many steps and shows each example again as it was", () => {
    begin();
    queue.decide({ kind: "rate", value: 8 }, { change: { rating: 8 } });
    queue.decide({ kind: "rate", value: 9 }, { change: { rating: 9 } });
    queue.undo();
    expect([queue.place, queue.current.rating]).toEqual([1, null]);
    queue.undo();
    expect([queue.place, queue.current.rating]).toEqual([0, null]);
    gathered();
    expect(model.of("undo").map((one) => one.of)).toEqual([2, 1]);
  });

  test("a skip is no step", () => {
    begin();
    queue.decide({ kind: "rate", value: 8 });
    queue.decide({ kind: "skip" });
    queue.undo();
    gathered();
    expect(model.of("undo")[0].of).toBe(1);
  });

  test("beyond this view it takes back the person's latest edit and goes there", () => {
    begin();
    queue.undo();
    expect(model.of("undo")[0]).toMatchObject({ of: null });
    model.ack(1, { position: 7, example: { id: 8, rating: null } });
    expect(queue.place).toBe(7);
  });
});

describe("faster than the kernel answers", () => {
  const burst = (count) => {
    for (let key = 1; key <= count; key += 1)
      queue.decide({ kind: "rate", value: key }, { change: { rating: key } });
  };

  test("decisions go together, in order, ten messages a second at most", () => {
    begin();
    for (let key = 0; key < 60; key += 1) {
      queue.rows.set(queue.place, example(queue.place));
      queue.decide({ kind: "rate", value: (key % 10) + 1 });
      vi.advanceTimersByTime(16);
    }
    gathered();
    expect(model.of("rate").map((one) => one.seq)).toEqual(
      Array.from({ length: 60 }, (_, place) => place + 1),
    );
    expect(model.of("decisions").length).toBeLessThanOrEqual(10);
  });

  test("the first one waits for nothing, nor does one after all were answered", () => {
    begin();
    burst(1);
    expect(model.sent.at(-1)).toMatchObject({ kind: "rate", seq: 1 });
    model.ack(1);
    burst(1);
    expect(model.sent.at(-1)).toMatchObject({ kind: "rate", seq: 2 });
  });

  test("one answer to several counts each of them, and one that is refused gives its example back", () => {
    begin();
    burst(4);
    gathered();
    model.ack(1);
    expect(queue.unsaved).toBe(3);
    model.acks(
      { seq: 2 },
      { seq: 3, ok: false, error: "moved on" },
      { seq: 4, example: { id: 4, rating: 5 } },
    );
    expect([queue.unsaved, queue.saved]).toEqual([0, 3]);
    expect([1, 2, 3].map((place) => queue.rows.get(place).rating)).toEqual([2, null, 5]);
    expect(seen.slice(-2).map(([what]) => what)).toEqual(["saved", "refused"]);
    expect(seen.at(-1)[1].error).toBe("moved on");
    expect(model.of("fetch").at(-1).start).toBe(2);
  });

  test("one that is undone before it was sent is sent and taken back, in this order", () => {
    begin();
    burst(2);
    queue.undo();
    gathered();
    expect(model.sent.at(-1).edits.map(({ kind, seq, of }) => [kind, seq, of])).toEqual([
      ["rate", 2, undefined],
      ["undo", 3, 2],
    ]);
    expect([queue.place, queue.current.rating]).toEqual([1, null]);
  });

  test("what is not answered goes again together, and what a reload left too", () => {
    begin();
    burst(3);
    vi.advanceTimersByTime(6200);
    const again = model.sent.at(-1);
    expect([again.kind, again.edits.map((edit) => edit.seq)]).toEqual(["decisions", [1, 2, 3]]);
    queue.dispose();
    begin();
    expect(model.of("decisions").map(({ edits }) => edits)).toEqual([again.edits]);
    const { session } = again.edits[0];
    model.acks({ session, seq: 1 }, { session, seq: 2 }, { session, seq: 3 });
    expect(queue.unsaved).toBe(0);
  });

  test("long texts go in several messages, since a server refuses a very long one", () => {
    begin();
    for (let key = 1; key <= 6; key += 1)
      queue.decide({ kind: "rewrite", text: "x".repeat(400000), value: 9 });
    gathered();
    expect(model.of("decisions").map(({ edits }) => edits.map((edit) => edit.seq))).toEqual([
      [2, 3],
      [4, 5],
    ]);
    expect(model.sent.at(-1)).toMatchObject({ kind: "rewrite", seq: 6 });
  });

  test("a kernel that ends meanwhile is noticed, and what was gathered is kept", () => {
    begin();
    burst(3);
    model.alive = false;
    gathered();
    expect([queue.gone, queue.unsaved]).toEqual([true, 3]);
    expect(JSON.parse(sessionStorage.getItem(sessionStorage.key(0))).edits).toHaveLength(3);
  });
});

describe("posting", () => {
  let painted;
  const later = (work) => painted.push(work);

  beforeEach(() => {
    painted = [];
    model = fakeModel();
    queue = new Queue(model, () => {}, { later });
    model.say("hello", {
      total: 100,
      start: 0,
      first: 0,
      examples: examples(0, 25),
      settings: { store: "shop" },
    });
  });

  test("decisions of one frame are sent in order once it is painted", () => {
    queue.decide({ kind: "rate", value: 3 });
    queue.decide({ kind: "rate", value: 4 });
    expect(model.of("rate")).toHaveLength(0);
    expect(queue.unsaved).toBe(2);
    expect(painted).toHaveLength(1);
    painted.pop()();
    expect(model.of("rate").map((edit) => edit.value)).toEqual([3, 4]);
    queue.decide({ kind: "rate", value: 5 });
    expect(painted).toHaveLength(1);
  });

  test.each(["dispose", "leaving"])("what was not sent yet is sent on %s", (end) => {
    queue.decide({ kind: "rate", value: 3 });
    queue[end]();
    expect(model.of("rate")).toHaveLength(1);
    painted.pop()();
    expect(model.of("rate")).toHaveLength(1);
  });

  test.each(["dispose", "leaving"])("what was gathered is sent on %s", (end) => {
    for (const value of [3, 4, 5]) {
      queue.decide({ kind: "rate", value });
      painted.pop()();
    }
    expect(model.of("rate")).toHaveLength(1);
    queue[end]();
    expect(model.of("rate").map((edit) => edit.value)).toEqual([3, 4, 5]);
    gathered();
    expect(model.of("rate")).toHaveLength(3);
  });

  test("what was gathered never comes between a key and its paint", () => {
    queue.decide({ kind: "rate", value: 3 });
    painted.pop()();
    queue.decide({ kind: "rate", value: 4 });
    painted.pop()();
    vi.advanceTimersByTime(90);
    queue.decide({ kind: "rate", value: 5 });
    vi.advanceTimersByTime(50);
    expect(model.of("rate")).toHaveLength(1);
    painted.pop()();
    expect(model.of("rate").map((edit) => edit.value)).toEqual([3, 4, 5]);
  });
});

describe("after the paint", () => {
  test("work is done once, also where nothing is painted", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    vi.stubGlobal("requestAnimationFrame", () => {});
    const work = vi.fn();
    afterPaint(work);
    expect(work).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    expect(work).toHaveBeenCalledTimes(1);
    vi.unstubAllGlobals();
  });

  test("work follows the frame and is not done again by the clock", async () => {
    vi.useRealTimers();
    let frame;
    vi.stubGlobal("requestAnimationFrame", (draw) => (frame = draw));
    const work = vi.fn();
    afterPaint(work);
    frame();
    expect(work).not.toHaveBeenCalled();
    await vi.waitFor(() => expect(work).toHaveBeenCalledTimes(1));
    await new Promise((done) => setTimeout(done, 80));
    expect(work).toHaveBeenCalledTimes(1);
    vi.unstubAllGlobals();
  });
});
