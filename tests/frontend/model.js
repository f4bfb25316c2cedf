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
    of(kind) {
      return this.sent.filter((message) => message.kind === kind);
    },
    get session() {
      return this.sent[0].session;
    },
    say(kind, message = {}) {
      this.emit("msg:custom", { kind, session: this.session, ...message });
    },
    ack(seq, message = {}) {
      this.say("ack", { seq, ok: true, ...message });
    },
  };
}
