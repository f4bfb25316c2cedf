// Questions to the kernel and their answers, for widgets that are no queue.

import { newSession } from "./shelf.js";

const AGAIN = 3000; // milliseconds until an unanswered message is sent again

/** One view's line to the kernel: `ask` is answered once, `ongone` is called when nobody listens any more, `onrefused` when it cannot begin. */
export class Calls {
  constructor(model, onhello, ongone, onrefused) {
    this.model = model;
    this.onrefused = onrefused;
    this.session = newSession();
    this.ongone = ongone;
    this.seq = 0;
    this.open = new Map();
    this.receive = (message) => this.answered(message, onhello);
    this.closed = () => this.send({ kind: "ping" });
    model.on("msg:custom", this.receive);
    model.on("comm_live_update", this.closed);
    this.timer = setInterval(() => this.tick(), AGAIN);
    this.send({ kind: "hello" });
  }

  send(message) {
    if (this.gone) return;
    try {
      this.model.send({ session: this.session, ...message });
    } catch {
      this.gone = true;
      clearInterval(this.timer);
      this.ongone();
    }
  }

  /** Send a message with a number of its own and hand its answer on. */
  ask(message) {
    this.seq += 1;
    const numbered = { ...message, seq: this.seq };
    return new Promise((resolve) => {
      this.open.set(numbered.seq, { message: numbered, resolve, at: Date.now() });
      this.send(numbered);
    });
  }

  answered(message, onhello) {
    if (message.session !== this.session) return;
    if (message.kind === "hello") {
      if (message.error) return this.onrefused(message);
      this.greeted = true;
      onhello(message);
    }
    const one = this.open.get(message.seq);
    if (!one) return;
    this.open.delete(message.seq);
    one.resolve(message);
    if (message.kind === "ack") this.send({ kind: "settled" });
  }

  tick() {
    if (!this.greeted) this.send({ kind: "hello" });
    for (const one of this.open.values()) {
      if (Date.now() - one.at < AGAIN) continue;
      one.at = Date.now();
      this.send(one.message);
    }
  }

  dispose() {
    clearInterval(this.timer);
    this.model.off("msg:custom", this.receive);
    this.model.off("comm_live_update", this.closed);
  }
}
