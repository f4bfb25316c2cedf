// A small, safe Markdown: it only ever builds elements of its own, so HTML in a text stays text.
// No images; links open in a new tab and only to http, https and mailto.

import { make } from "./page.js";

const INLINE =
  /(`+)([^]*?[^`])\1(?!`)|\*\*([^*\n]+)\*\*|(?<!\w)[*_]([^*_\n]+)[*_](?!\w)|\[([^\]\n]+)\]\(([^)\s]+)\)/g;

/** Paint a text as Markdown into a block. */
export function markdown(block, text) {
  block.classList.add("ait-markdown");
  const pieces = text.split(/^(```+)[^\n]*\n([^]*?)\n?^\1[^\S\n]*$/m);
  for (let place = 0; place < pieces.length; place += 3) {
    pieces[place].split(/\n\s*\n/).forEach((part) => part.trim() && block.append(paragraph(part)));
    if (pieces[place + 2] !== undefined) block.append(make("pre", {}, make("code", {}, pieces[place + 2])));
  }
}

function paragraph(part) {
  const lines = part.replace(/^\n+|\s+$/g, "").split("\n");
  const heading = /^(#{1,6})\s+(.*)$/.exec(lines[0]);
  if (heading && lines.length === 1) return make("div", { class: "ait-heading" }, ...inline(heading[2]));
  if (lines.every((line) => /^\s*[-*+]\s+/.test(line))) return list("ul", lines, /^\s*[-*+]\s+/);
  if (lines.every((line) => /^\s*\d+[.)]\s+/.test(line))) return list("ol", lines, /^\s*\d+[.)]\s+/);
  if (lines.every((line) => /^\s*>/.test(line))) {
    return make("blockquote", {}, ...inline(lines.map((line) => line.replace(/^\s*>\s?/, "")).join("\n")));
  }
  return make("p", {}, ...inline(lines.join("\n")));
}

function list(tag, lines, mark) {
  return make(tag, {}, ...lines.map((line) => make("li", {}, ...inline(line.replace(mark, "")))));
}

function inline(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(text.slice(end, found.index), span(found));
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}

function span([whole, , code, strong, soft, label, address]) {
  if (code !== undefined) return make("code", {}, code);
  if (strong !== undefined) return make("strong", {}, strong);
  if (soft !== undefined) return make("em", {}, soft);
  if (!/^(https?:|mailto:)/i.test(address)) return whole;
  return make("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, label);
}
