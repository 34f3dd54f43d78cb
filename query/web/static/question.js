// The question: all of it is in the address, so that it can be kept, shared and gone back to.

const listeners = new Set();
let current = new URLSearchParams(location.search);

const NARROWING = ["license", "tag", "source", "pack", "category", "min_duration", "max_duration", "min_loudness", "max_loudness"];
export const SINGLE = [
  "min_duration", "max_duration", "min_loudness", "max_loudness", "metadata_weight", "all_takes", "moments",
];
export const SEVERAL = ["license", "tag", "source", "pack", "category"];
const NOT_ASKED = ["lang", "view", "collection", "sort", "descending", "words", "frame", "sound", "reference_frame", "reference_sound", "mix", "theta", "target"];

export const get = (name) => current.get(name) ?? "";
export const all = (name) => current.getAll(name);
export const filters = () => [...SINGLE, ...SEVERAL].filter((name) => current.has(name)).length;

/** Whether it is asked of some sounds only. */
export const narrows = () => NARROWING.some((name) => current.has(name));
export const widen = () => set(Object.fromEntries(NARROWING.map((name) => [name, ""])));

/**
 * Changes some of it: a value, a list of them, or "" to take it away; the view is then the sounds,
 * unless it is said too. `slide`: no step to go back to.
 */
export function set(changes, { slide = false } = {}) {
  const next = new URLSearchParams(current);
  next.delete("view");
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const each of Array.isArray(value) ? value : [value]) if (each !== "") next.append(name, each);
  }
  if (next.toString() === current.toString()) return;
  current = next;
  clearTimeout(writing);
  if (slide) writing = setTimeout(() => history.replaceState(null, "", address()), SETTLED);
  else history.pushState(null, "", address());
  tell(slide);
}

const SETTLED = 200; // ms: browsers take few changes of the address a second
let writing = null;
const address = () => (current.size ? `?${current}` : location.pathname);

export const onChange = (listener) => listeners.add(listener);

export function tell(slide = false) {
  for (const listener of listeners) listener(slide);
}

addEventListener("popstate", () => {
  clearTimeout(writing);
  current = new URLSearchParams(location.search);
  tell();
});

/** Weight of the reference's sound and θ, from the one slider: 0 is the picture, 1 the reference. */
export function blend() {
  const mix = Number(get("mix") || 0.5);
  const weight = mix >= 1 ? 1e6 : mix / (1 - mix);
  return { mix, weight, theta: get("theta") === "" ? 1 - mix : Number(get("theta")) };
}

/** Where to ask, and with what. */
export function request() {
  const given = new URLSearchParams(current);
  for (const name of NOT_ASKED) given.delete(name);
  const words = get("words").trim();
  if (get("frame")) {
    given.set("frame", get("frame"));
    if (get("reference_frame") && get("reference_sound")) pair(given);
  } else if (get("sound")) {
    given.set("sound", get("sound"));
    given.delete("metadata_weight");
  } else if (words) {
    given.set("words", words);
    return ["query-by-text", given];
  } else if (leading()) {
    return led(given, leading());
  } else {
    return browsed(given);
  }
  if (words) given.append("text", words);
  return [get("frame") ? "query-by-frame" : "query-by-sound", given];
}

/** Whether the list is a part of the library, and no answer. */
export const browses = () => !get("frame") && !get("sound") && !get("words").trim() && !leading();

/** [weight, words] of what is written as WEIGHT:WORDS or WORDS. */
export function weighted(said) {
  const [, weight = "1", words] = said.match(/^(?:([\d.]+):)?(.*)$/s);
  return [Number(weight), words];
}

/** The words toward that weigh most: without another question they are it. */
function leading() {
  const some = all("text").map(weighted).filter(([weight]) => weight > 0);
  return some.length ? some.reduce((most, each) => (each[0] > most[0] ? each : most)) : null;
}

function led(given, [most, words]) {
  for (const way of ["text", "away"]) {
    given.delete(way);
    for (const [weight, each] of all(way).map(weighted)) {
      if (way === "away" || each !== words) given.append(way, `${(weight / most).toFixed(4)}:${each}`);
    }
  }
  given.set("words", words);
  given.set("only", "meaning");
  return ["query-by-text", given];
}

function browsed(given) {
  for (const name of ["text", "away", "metadata_weight", "moments", "all_takes"]) given.delete(name);
  for (const name of ["sort", "descending"]) if (get(name)) given.set(name, get(name));
  const collection = get("collection"); // "kept", or "=NAME"
  if (collection) given.set("collection", collection === "kept" ? "" : collection.slice(1));
  return ["sounds", given];
}

/** The filters and the collection that the list is of. */
export const shown = () => browsed(new URLSearchParams(request()[1]))[1];

function pair(given) {
  const { weight, theta } = blend();
  given.set("reference_frame", get("reference_frame"));
  given.set("reference_sound", get("reference_sound"));
  given.set("reference_weight", weight.toFixed(4));
  given.set("theta", theta.toFixed(4));
  if (get("target")) given.set("target", get("target"));
}
