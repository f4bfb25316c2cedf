// Draws every pair of recorded blind comparisons, votes by key, and writes down what the page was, texts left out.
// node pages.js IN OUT; IN is {"studies": [{"hello": message, "rows": [pair], "keys": [key]}]}.

import { readFileSync, writeFileSync } from "node:fs";
import { JSDOM } from "jsdom";

const { window } = new JSDOM("<!doctype html>", { url: "http://localhost/" });
for (const name of ["document", "sessionStorage", "KeyboardEvent", "Node"]) globalThis[name] = window[name];
globalThis.requestAnimationFrame = queueMicrotask;
const { default: comparator } = await import("../../aitelier_nb/widgets/comparator.js");
const { fakeModel } = await import("./model.js");

/** The page's elements and attributes; every text between them is taken out. */
const bare = (root) => root.outerHTML.replace(/>[^<]+</g, "><");

/** Return the votes that were sent, once the page that follows them is painted, and answer them as the kernel does. */
async function sent(model) {
  while (model.of("vote").length === 0) await new Promise(setImmediate);
  const votes = model.of("vote");
  votes.forEach((vote) => model.ack(vote.seq));
  return votes;
}

async function voted({ hello, rows, keys }) {
  const model = fakeModel();
  const el = document.body.appendChild(document.createElement("div"));
  const dispose = comparator.render({ model, el });
  model.say("hello", hello);
  const root = el.querySelector(".ait");
  const pages = [];
  for (const key of keys) {
    for (const ask of model.sent.splice(1).filter((message) => message.kind === "fetch"))
      model.say("page", { start: ask.start, examples: rows.slice(ask.start, ask.start + ask.n) });
    const page = bare(root);
    root.dispatchEvent(new window.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    pages.push({ page, sent: await sent(model) });
  }
  dispose();
  el.remove();
  return pages;
}

const given = JSON.parse(readFileSync(process.argv[2], "utf8"));
const found = [];
for (const study of given.studies) found.push(await voted(study));
writeFileSync(process.argv[3], JSON.stringify(found));
