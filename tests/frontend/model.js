// A model as a notebook's front end hands it over, without a kernel: what is sent is kept.

export function fakeModel() {
  const listeners = new Map();
  return {
    sent: [],
    alive: true,
    send(message) {
      if (!this.alive) throw new Error("Cannot send");
      this.sent.push(message);
    },
    on(name, listener) {
      listeners.set(name, [...(listeners.get(name) ?? []), listener]);
    },
    off(name, listener) {
      listeners.set(
        name,
        (listeners.get(name) ?? []).filter((one) => one !== listener),
      );
    },
    emit(name, ...values) {
      (listeners.get(name) ?? []).forEach((listener) => listener(...values));
    },
    /** Messages of a kind, and decisions of it, alone or together in one message. */
    of(kind) {
      const all = this.sent.flatMap((message) =>
        message.kind === "decisions" && kind !== "decisions" ? message.edits : [message],
      );
      return all.filter((message) => message.kind === kind);
    },
    get session() {
      return this.sent[0].session;
    },
    say(kind, message = {}) {
      this.emit("msg:custom", { kind, session: this.session, ...message });
    },
    acks(...acks) {
      const session = this.session;
      this.say("acks", { acks: acks.map((ack) => ({ session, ok: true, ...ack })) });
    },
    ack(seq, message = {}) {
      this.say("ack", { seq, ok: true, ...message });
    },
  };
}
