// The list of sounds: rows, the one that is chosen, and more of them as one goes down.

import { number, say } from "./words.js";
import { draw, pairs } from "./wave.js";

const list = document.getElementById("hits");
let rows = [];
let at = -1;
let heard = null; // the id of the sound that plays
let handlers = {};

export const all = () => rows;
export const current = () => rows[at] ?? null;
export const place = () => at;
export const focused = () => [...list.children].indexOf(document.activeElement?.closest(".hit"));
export const handle = (given) => (handlers = given);

/** `same`: it is the question that was answered before, so that takes stay that were chosen since. */
export function show(answered, { add = false, same = false } = {}) {
  const taken = new Map(same && !add ? rows.filter((row) => row.takeOf).map((row) => [row.takeOf, row]) : []);
  const found = answered.map((row) => (taken.has(row.id) ? { ...taken.get(row.id), rank: row.rank, takes: row.takes } : row));
  const held = current()?.id;
  const focused = list.contains(document.activeElement);
  const former = new Map(add ? [] : [...list.children].map((item) => [item.row.id, item]));
  const made = found.map((row) => renewed(former.get(row.id), row) ?? element(row));
  if (add) rows.push(...found);
  else rows = [...found];
  if (add) list.append(...made);
  else list.replaceChildren(...made);
  requestAnimationFrame(() => made.forEach((item) => item.painted || paint(item)));
  if (!add) {
    at = rows.findIndex((row) => row.id === held);
    mark();
    if (focused) list.children[Math.max(0, at)]?.querySelector(".play").focus({ preventScroll: true });
  }
}

/** The item of a sound that was in the list already: a slider moves most sounds, and changes few. */
function renewed(item, row) {
  if (!item || ["title", "takes", "state"].some((name) => item.row[name] !== row[name])) return null;
  item.painted &&= item.row.start === row.start && item.row.end === row.end;
  item.row = row;
  item.querySelector(".mark").replaceWith(strength(row));
  return marked(item);
}

export function step(by) {
  if (!rows.length) return null;
  select(Math.max(0, Math.min(rows.length - 1, at + by)));
  return current();
}

export function select(index, { focus = true } = {}) {
  at = index;
  mark();
  const item = list.children[at];
  item?.scrollIntoView({ block: "nearest" });
  if (focus) item?.querySelector(".play").focus({ preventScroll: true });
}

export function playing(id) {
  heard = id;
  mark();
}

function mark() {
  [...list.children].forEach((item, index) => {
    if (index === at) item.setAttribute("aria-current", "true");
    else item.removeAttribute("aria-current");
    item.classList.toggle("playing", rows[index].id === heard);
    item.querySelector(".play").tabIndex = index === Math.max(0, at) ? 0 : -1;
  });
}

export const repaint = () => [...list.children].forEach(paint);

export function paint(item) {
  const row = item.row;
  item.painted = true;
  item.peaks ??= pairs(row.wave);
  const partial = row.end - row.start < row.duration - 0.05;
  const moment = partial && row.duration ? [row.start / row.duration, row.end / row.duration] : undefined;
  draw(item.querySelector("canvas"), item.peaks, { moment });
}

/** The row's item, made anew: it is known to be kept or rejected, or another take stands there. */
export function replace(index, row) {
  const item = element(row);
  rows[index] = row;
  list.children[index].replaceWith(item);
  requestAnimationFrame(() => paint(item));
  mark();
}

/** Kept, rejected or neither. */
export function remark(index, mark) {
  rows[index].mark = mark;
  marked(list.children[index]);
}

const SIGNS = { kept: "★", rejected: "×" };

function marked(item) {
  for (const mark of Object.keys(SIGNS)) item.classList.toggle(mark, item.row.mark === mark);
  item.querySelector(".rank").textContent = SIGNS[item.row.mark] ?? item.row.rank;
  return item;
}

function element(row) {
  const item = make("li", "hit");
  item.row = row; // renewed as questions change: handlers read it, never the row they began with
  const play = make("button", "play");
  play.setAttribute("aria-label", `${say("play")}: ${row.title}`);
  play.append(make("canvas"));
  play.onclick = (event) => handlers.play(rows.indexOf(item.row), pointed(event, play.firstChild));
  item.onclick = (event) => event.target.closest("button") ?? handlers.play(rows.indexOf(item.row));
  item.draggable = true;
  item.ondragstart = (event) => handlers.drag(item.row, event);
  item.append(make("span", "rank"), play, what(row), ...figures(row), tools(item));
  return marked(item);
}

/** Share of a waveform at which a mouse points; null for keys, and for a finger, which is wider than that. */
function pointed({ pointerType, clientX }, canvas) {
  if (pointerType !== "mouse") return null;
  const { left, width } = canvas.getBoundingClientRect();
  return Math.max(0, Math.min(1, (clientX - left) / width));
}

function what(row) {
  const box = make("div", "what");
  const title = make("span", "title", row.title);
  title.title = row.path;
  if (row.preview) title.append(make("span", "tag", say("preview")));
  if (row.state !== "present") title.append(make("span", "tag", say("offline_file")));
  const said = [row.category, row.pack, row.author, row.tags.slice(0, 6).join(", ")].filter(Boolean);
  box.append(title, make("span", "meta", said.join(" · ")));
  return box;
}

function figures(row) {
  const seconds = make("span", "num", `${number(row.duration)} s`);
  const loud = make("span", "num lufs", row.loudness === null ? "–" : `${number(row.loudness)} LUFS`);
  const licence = make("span", "lic", row.license === "unknown" ? say("unknown_licence") : row.license);
  licence.title = licence.textContent;
  return [seconds, loud, licence, strength(row)];
}

function strength(row) {
  const named = Object.keys(row.parts).length > 0;
  const shown = row.strength ? say(row.strength) : named ? number(row.score, 2) : "";
  const made = make("span", `mark ${row.strength}`, shown);
  if (named) made.title = why(row);
  return made;
}

/** The score and its parts, in words. */
export function why(row) {
  const part = (name, word) => (row.parts[name] == null ? [] : [`${say(word)} ${number(row.parts[name], 3)}`]);
  return [`${say("score")} ${number(row.score, 3)}`, ...part("audio", "heard"), ...part("metadata", "written")].join(" · ");
}

function tools(item) {
  const box = make("div", "tools");
  if (item.row.takes) {
    const takes = tool(`+${item.row.takes}`, say("takes"), () => handlers.take(item.row));
    takes.classList.add("extra");
    box.append(takes);
  }
  const like = tool(icon("like"), say("like"), () => handlers.like(item.row));
  const refer = tool(icon("reference"), say("use_reference"), () => handlers.reference(item.row));
  refer.classList.add("extra");
  const copy = tool(icon("copy"), say("copy"), () => handlers.copy(item.row));
  copy.classList.add("extra");
  box.append(like, refer, copy);
  return box;
}

function tool(sign, name, act) {
  const button = make("button");
  button.append(sign);
  button.title = name;
  button.setAttribute("aria-label", name);
  button.tabIndex = -1; // all of them have a key; Tab goes on
  button.onclick = act;
  return button;
}

export function make(kind, className = "", text = null) {
  const made = document.createElement(kind);
  if (className) made.className = className;
  if (text !== null) made.textContent = text;
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  made.append(use);
  return made;
}
