// A queue of examples that is filled ahead of the reader, and of decisions that are kept until they are on disk.
// No DOM here: a fake model and a fake clock can run all of it.

import { living, shelf, leftBehind, newSession, pageStorage } from "./shelf.js";

const AHEAD = 25; // examples in one page
const LOW = 35; // ask for the next page when fewer than this many wait: faster than fingers
const FAR = 60; // examples further away than this are forgotten
const AGAIN = 3000; // milliseconds until an unanswered message is sent again
const LATE = 1000; // milliseconds after which a decision without an answer is told to be not yet saved
const BURST = 50; // decisions sent again at once
const HEAVY = 1000000; // characters of text in one message; a server refuses very long ones
const GATHER = 100; // milliseconds in which decisions are gathered while one before them is unanswered
const SHELVED = 50; // milliseconds until decisions lie in the page's storage: after the next paint, which it would delay
const QUIET = 300; // milliseconds without a decision after which the static output is brought up to date

/** What the person had before their eyes when they decided. */
function seen(row) {
  if (!row) return {};
  const { id, version, repeat } = row;
  return {
    id,
    version,
    before: row.rating ?? row.score ?? row.choice ?? null,
    ...(repeat ? { repeat } : {}),
  };
}

/** Without a page nothing has to be painted first. */
function atOnce(work) {
  work();
}

/** The queue of one view. `onchange(what)` is called after each change, `later(work)` says when to post decisions. */
export class Queue {
  constructor(model, onchange, { storage = pageStorage(), again = AGAIN, later = atOnce } = {}) {
    this.model = model;
    this.onchange = onchange;
    this.later = later;
    this.outbox = [];
    this.postedAt = 0;
    this.storage = storage;
    this.again = again;
    this.session = newSession();
    this.shelf = shelf(storage, this.session);
    this.ready = false;
    this.gone = false;
    this.total = 0;
    this.place = 0;
    this.saved = 0;
    this.settings = {};
    this.counts = {};
    this.rows = new Map();
    this.asked = new Map();
    this.pending = new Map();
    this.others = [];
    this.done = [];
    this.seq = 0;
    living().add(this.session);
    this.receive = (message) => this.onmessage(message);
    this.closed = () => this.probe();
    this.leaving = () => {
      this.post();
      if (!this.gone) this.shelve();
    };
    globalThis.addEventListener?.("pagehide", this.leaving);
    model.on("msg:custom", this.receive);
    model.on("comm_live_update", this.closed);
    this.timer = setInterval(() => this.tick(), again);
    this.hello();
  }

  /** Ask the kernel who we are and where to begin; asked again until it answers. */
  hello() {
    this.helloAt = Date.now();
    this.send({ kind: "hello" });
  }

  /** Send one message; a kernel that is gone is noticed here. */
  send(message) {
    if (this.gone) return false;
    try {
      this.model.send({ session: this.session, ...message });
      return true;
    } catch {
      this.lost();
      return false;
    }
  }

  /** The kernel is gone: nothing more is accepted, what waits stays on the shelf for the next view to send. */
  lost() {
    if (this.gone) return;
    this.gone = true;
    clearInterval(this.timer);
    this.shelve();
    living().delete(this.session);
    this.onchange("gone");
  }

  /** Find out whether the kernel still listens. */
  probe() {
    this.send({ kind: "ping" });
  }

  get current() {
    return this.rows.get(this.place);
  }

  get unsaved() {
    return this.pending.size + this.others.length;
  }

  /** Whether something waits for so long that the person should know. */
  get late() {
    const [oldest] = this.pending.values();
    return this.others.length > 0 || (oldest !== undefined && Date.now() - oldest.since >= LATE);
  }

  get atEnd() {
    return this.ready && this.place >= this.total;
  }

  /** Go to a place of the list; beyond the last one is the end. */
  go(place) {
    this.place = Math.max(0, Math.min(place, this.total));
    this.fill();
    this.onchange("place");
  }

  /** Take a decision about an example, show what it changes at once, and go on. */
  decide(edit, { change = null, onward = true } = {}) {
    if (this.gone || !this.ready) return null;
    const place = this.place;
    const row = this.rows.get(place);
    if (!row || row.deleted) return null;
    if (change) this.rows.set(place, { ...row, ...change });
    const kept = this.keep({ position: place, ...seen(row), ...edit });
    const before = { ...row };
    if (kept.kind !== "skip") this.done.push({ seq: kept.seq, place, before });
    if (onward) this.go(place + 1);
    else this.onchange("row");
    return kept;
  }

  /** Take back the latest decision of this view, or the latest of the person when there is none. */
  undo() {
    if (this.gone || !this.ready) return null;
    const last = this.done.pop();
    const edit = {
      kind: "undo",
      of: last?.seq ?? null,
      id: last?.before?.id ?? null,
      position: last?.place ?? null,
    };
    const kept = this.keep(edit);
    if (last) {
      this.rows.set(last.place, last.before);
      this.go(last.place);
    }
    return kept;
  }

  /** Number a decision, put it on the shelf and send it. */
  keep(edit) {
    this.seq += 1;
    const kept = { ...edit, session: this.session, seq: this.seq, client_at: new Date().toISOString() };
    this.pending.set(kept.seq, { edit: kept, at: Date.now(), since: Date.now() });
    this.telling ??= setTimeout(() => this.tell(), LATE);
    this.outbox.push(kept);
    if (!this.painting) {
      this.painting = true;
      this.later(() => this.painted());
    }
    this.shelveSoon();
    return kept;
  }

  /**
   * The frame is painted, which the kernel's work would have delayed: what was decided in it is sent.
   * Faster than the kernel answers, it is gathered first: each message costs a notebook several frames.
   */
  painted() {
    this.painting = false;
    clearTimeout(this.gathering);
    const answered = this.outbox.length === this.pending.size;
    const rest = answered ? 0 : this.postedAt + GATHER - Date.now();
    if (rest > 0) this.gathering = setTimeout(() => this.painting || this.painted(), rest);
    else this.post();
  }

  /** Send what was decided, in order. */
  post() {
    if (this.outbox.length === 0) return;
    this.postedAt = Date.now();
    this.sendAll(this.outbox.splice(0));
  }

  /** Send decisions together, which is answered together too; long texts go in several messages. */
  sendAll(edits) {
    let [first, weight] = [0, 0];
    for (let place = 0; place <= edits.length; place += 1) {
      weight += edits[place]?.text?.length ?? 0;
      if (place < edits.length && (weight <= HEAVY || place === first)) continue;
      const some = edits.slice(first, place);
      if (some.length === 1) this.send(some[0]);
      else if (some.length > 1) this.send({ kind: "decisions", edits: some });
      [first, weight] = [place, edits[place]?.text?.length ?? 0];
    }
  }

  /** Say what is late, and look again as long as something waits. */
  tell() {
    const [oldest] = this.pending.values();
    const rest = oldest && oldest.since + LATE - Date.now();
    this.telling = rest > 0 ? setTimeout(() => this.tell(), rest) : null;
    if (this.late) this.onchange("waiting");
  }

  shelveSoon() {
    if (this.gone) this.shelve();
    else this.shelving ??= setTimeout(() => this.shelve(), SHELVED);
  }

  shelve() {
    clearTimeout(this.shelving);
    this.shelving = null;
    this.shelf.put(this.settings.store, [
      ...this.others,
      ...[...this.pending.values()].map((one) => one.edit),
    ]);
  }

  /** Ask for the pages that will be needed next. */
  fill() {
    if (!this.ready) return;
    const last = Math.min(this.place + LOW, this.total - 1);
    for (let place = this.place; place <= last; place += 1) {
      if (!this.rows.has(place)) this.ask(place);
    }
    const first = Math.max(0, this.place - 2);
    if (!this.rows.has(first) && first < this.total) this.ask(Math.max(0, first - AHEAD + 1));
  }

  /** Ask for a page, unless one is on its way that has its first place. */
  ask(start) {
    const late = Date.now() - this.again;
    for (const [from, at] of this.asked) {
      if (start >= from && start < from + AHEAD && at > late) return;
    }
    this.asked.set(start, Date.now());
    this.send({ kind: "fetch", start, n: AHEAD });
  }

  onmessage(message) {
    if (message.kind === "ack" || message.kind === "acks") return this.acknowledged(message);
    if (message.kind === "news") return this.refill();
    if (message.session !== this.session) return;
    if (message.kind === "hello") this.welcomed(message);
    if (message.kind === "page") this.filled(message);
  }

  welcomed(message) {
    if (this.ready) return;
    if (message.error) {
      this.onchange("failed", message);
      return;
    }
    this.ready = true;
    this.total = message.total ?? 0;
    this.place = Math.min(message.start ?? 0, this.total);
    this.settings = message.settings ?? {};
    this.counts = message.counts ?? {};
    this.put(message.first ?? this.place, message.examples ?? []);
    this.adopt();
    this.fill();
    this.onchange("ready");
  }

  filled(message) {
    this.asked.delete(message.start);
    if (message.error) {
      this.onchange("failed", message);
      return;
    }
    this.put(message.start, message.examples);
    this.fill();
    this.onchange("page");
  }

  /** More is known of the examples than when they came: ask again for those ahead. */
  refill() {
    for (let start = this.place; start < this.total && this.rows.has(start); start += AHEAD) this.ask(start);
  }

  put(start, examples) {
    const waiting = new Set([...this.pending.values()].map((one) => one.edit.position));
    examples.forEach((row, offset) => {
      const place = start + offset;
      const same = this.rows.has(place) && JSON.stringify(this.rows.get(place)) === JSON.stringify(row);
      if (!waiting.has(place) && !same) this.rows.set(place, row);
    });
    for (const place of this.rows.keys()) {
      if (Math.abs(place - this.place) > FAR) this.rows.delete(place);
    }
  }

  /** Send what an ended view of the same data left unsaved; its own numbers keep it from counting twice. */
  adopt() {
    for (const { key, edits } of leftBehind(this.storage, this.settings.store)) {
      this.storage.removeItem(key);
      this.others.push(...edits);
    }
    if (this.others.length === 0) return;
    this.adopted = this.others.length;
    this.shelve();
    this.sendAll(this.others);
    this.onchange("adopted");
  }

  /** Take the answer to one decision, or the answers to several that went together. */
  acknowledged(message) {
    const acks = message.acks ?? [message];
    acks.forEach((ack) => this.answered(ack));
    if (message.counts) this.counts = message.counts;
    this.shelveSoon();
    clearTimeout(this.quiet);
    if (this.unsaved === 0) this.quiet = setTimeout(() => this.send({ kind: "settled" }), QUIET);
    const refused = acks.filter((ack) => !ack.ok);
    if (refused.length < acks.length) this.onchange("saved", message);
    refused.forEach((ack) => this.onchange("refused", ack));
  }

  answered(ack) {
    if (ack.session === this.session) this.settled(ack);
    const place = this.others.findIndex((one) => one.session === ack.session && one.seq === ack.seq);
    const adopted = place >= 0 ? this.others.splice(place, 1)[0] : null;
    if (ack.example) this.replace(ack.example);
    if (adopted && ack.ok && adopted.id === this.current?.id) this.go(this.place + 1);
  }

  /** A decision of this view was answered: it is on disk, or it was refused and the example is as before. */
  settled(message) {
    const one = this.pending.get(message.seq);
    if (!one) return;
    this.pending.delete(message.seq);
    if (message.ok) {
      if (one.edit.kind !== "skip") this.saved += one.edit.kind === "undo" ? -1 : 1;
      if (one.edit.kind === "undo" && one.edit.of === null && message.position != null)
        this.go(message.position);
      return;
    }
    const place = this.done.findIndex((done) => done.seq === message.seq);
    if (place >= 0) {
      const [undone] = this.done.splice(place, 1);
      if (undone.before) this.rows.set(undone.place, undone.before);
      this.ask(undone.place); // it may have been changed by somebody else
    }
  }

  /** Put an example as it stands now wherever it is in the queue. */
  replace(example) {
    for (const [place, row] of this.rows) {
      if (row.id === example.id && !row.repeat)
        this.rows.set(place, { ...row, ...example, position: row.position });
    }
  }

  tick() {
    if (!this.ready) return this.hello();
    const late = Date.now() - this.again;
    const waiting = [...this.pending.values()].filter((one) => one.at <= late).slice(0, BURST);
    waiting.forEach((one) => (one.at = Date.now()));
    this.sendAll(waiting.map((one) => one.edit));
    this.sendAll(this.others.slice(0, BURST));
    if (this.current === undefined) this.fill();
    if (this.late) this.onchange("waiting");
  }

  dispose() {
    this.post();
    clearInterval(this.timer);
    clearTimeout(this.quiet);
    clearTimeout(this.gathering);
    clearTimeout(this.telling);
    if (this.shelving) this.shelve();
    globalThis.removeEventListener?.("pagehide", this.leaving);
    living().delete(this.session);
    this.model.off("msg:custom", this.receive);
    this.model.off("comm_live_update", this.closed);
  }
}
