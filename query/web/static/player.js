// One sound plays at a time. The neighbours of the one that is chosen are fetched ahead.

import { say } from "./words.js";

const POOL = 5;
const LONG = 15; // seconds from which a sound is played from its best moment on
const LEAST = 0.01; // seconds of a region
const MATCHED = -23; // LUFS
const MOST_GAIN = 18; // dB

const pool = new Map();
let now = null; // the row that is chosen
let region = null; // [in, out] seconds
let matching = false;
let rate = 1;
let tell = () => {};
let context = null;

export const chosen = () => now;
export const element = () => (now ? pool.get(now.id) : null);
export const isPlaying = () => Boolean(element() && !element().paused);
export const position = () => element()?.currentTime ?? 0;
export const bounds = () => region;
export const speed = () => rate;
export const matches = () => matching;
export const onTell = (listener) => (tell = listener);

/** dB by which a sound is moved if loudness is matched. */
export function offset(row) {
  if (row.loudness === null) return 0;
  const room = row.true_peak === null ? MOST_GAIN : Math.max(0, -1 - row.true_peak);
  return Math.min(MATCHED - row.loudness, MOST_GAIN, room);
}

function audio(row) {
  let made = pool.get(row.id);
  pool.delete(row.id);
  if (!made) {
    made = new Audio();
    made.preload = "auto";
    made.src = `/api/sounds/${row.id}/audio`;
    made.onerror = () => failed(made, row);
    for (const name of ["play", "pause", "ended", "seeked", "loadedmetadata"]) {
      made.addEventListener(name, () => tell(name, row));
    }
  }
  pool.set(row.id, made);
  for (const [id, old] of pool) {
    if (pool.size <= POOL) break;
    if (id === now?.id) continue;
    old.onerror = null;
    old.pause();
    old.removeAttribute("src");
    old.load();
    pool.delete(id);
  }
  return made;
}

async function failed(made, row) {
  if (!made.src.includes("proxy=")) {
    const wanted = row.id === now?.id && made.dataset.wanted;
    made.src = `/api/sounds/${row.id}/audio?proxy=true`;
    if (wanted) start(made, row);
    return;
  }
  const chosen = row.id === now?.id;
  if (pool.get(row.id) === made) pool.delete(row.id); // it is asked for anew when it is played again
  if (!chosen) return;
  const response = await fetch(made.src, { headers: { range: "bytes=0-0" } }).catch(() => null);
  const said = response && !response.ok ? await response.json().catch(() => null) : null;
  const why = response ? (said?.error ?? say("no_browser")) : say("offline");
  tell("failed", row, why);
}

/** Where a sound begins to be heard. */
export const begin = (row) => (region ? region[0] : row.duration > LONG ? row.start : 0);

export function choose(row) {
  if (now && now.id !== row.id) stop();
  if (now?.id !== row.id) region = null;
  now = row;
  audio(row);
}

export function prefetch(rows) {
  for (const row of rows) if (row) audio(row);
}

export function play(row, from = null) {
  choose(row);
  const made = audio(row);
  start(made, row, from);
}

function start(made, row, from = null) {
  made.dataset.wanted = "1";
  made.currentTime = from ?? begin(row);
  made.preservesPitch = false;
  made.playbackRate = rate;
  level(made, row);
  made.play().catch(() => {}); // what went wrong comes as an error of the element
}

export function stop() {
  const made = element();
  if (!made) return;
  delete made.dataset.wanted;
  made.pause();
}

export function toggle() {
  if (!now) return;
  if (isPlaying()) stop();
  else play(now);
}

export function seek(to) {
  const made = element();
  if (made) made.currentTime = Math.max(0, Math.min(to, (now.duration || made.duration) - 0.01));
  tell("seeked", now);
}

export function mark(side) {
  if (!now) return;
  const at = position();
  const [from, to] = region ?? [0, now.duration];
  region = side === "in" ? [at, Math.max(at, to > at ? to : now.duration)] : [Math.min(from, at), at];
  if (region[1] - region[0] < LEAST) region = null; // it was played to its end: nothing is left of it
  tell("region", now);
}

export function setRegion(value) {
  region = value;
  tell("region", now);
}

/** At the end of the region it stops; to be called as time goes on. */
export function watch() {
  if (region && isPlaying() && position() >= region[1]) stop();
}

export function setSpeed(to) {
  rate = Math.max(0.25, Math.min(4, to));
  if (element()) element().playbackRate = rate;
  tell("speed", now);
}

export function match(on) {
  matching = on;
  if (element()) level(element(), now);
  tell("gain", now);
}

function level(made, row) {
  if (matching || made.gain) louder(made, matching ? offset(row) : 0);
}

/** Plays an element by so many dB louder: more than full volume takes a graph of audio nodes. */
export function louder(made, decibels) {
  if (!made.gain) {
    context ??= new AudioContext();
    made.gain = context.createGain();
    context.createMediaElementSource(made).connect(made.gain).connect(context.destination);
  }
  context.resume();
  made.gain.gain.value = 10 ** (decibels / 20);
}
