// The controls of the question: they show what the address says, and change it.

import { ask } from "./api.js";
import { make } from "./list.js";
import * as question from "./question.js";
import { number, say } from "./words.js";
import { shown } from "./keys.js";

const find = (id) => document.getElementById(id);
const LISTS = { license: "licences", category: "categories", pack: "packs", source: "sources" };
const FIELDS = ["tag", "min_duration", "max_duration", "min_loudness", "max_loudness"];
const CHECKS = ["all_takes", "moments"];
const fields = new Map(); // field → what the question said when it was written to

export function start() {
  for (const name of Object.keys(LISTS)) find(name).onchange = () => question.set({ [name]: find(name).value });
  for (const name of FIELDS) find(name).onchange = () => find(name).reportValidity() && question.set({ [name]: find(name).value.trim() });
  for (const name of CHECKS) find(name).onchange = () => question.set({ [name]: find(name).checked ? "true" : "" });
  slider("mix", (value) => ({ mix: value }));
  slider("theta", (value) => ({ theta: value }));
  slider("metadata_weight", (value) => ({ metadata_weight: value }));
  find("theta-auto").onchange = (event) =>
    question.set({ theta: event.target.checked ? "" : question.blend().theta.toFixed(2) });
  find("metadata-auto").onchange = (event) =>
    question.set({ metadata_weight: event.target.checked ? "" : find("metadata_weight").value });
  find("analogy").onchange = (event) => question.set({ target: event.target.checked ? "analogy" : "" });
  find("steer-form").onsubmit = steer;
  find("widen").onclick = () => {
    question.widen();
    find("hits").focus(); // what had the focus goes
  };
  find("clear").onclick = () => {
    const names = new Set(new URLSearchParams(location.search).keys());
    names.delete("lang");
    fields.clear(); // what is typed and not asked goes too
    question.set(Object.fromEntries([...names].map((name) => [name, ""])));
    show();
  };
  const words = find("words");
  find("find").onsubmit = (event) => {
    event.preventDefault();
    question.set({ words: words.value.trim() });
  };
  words.onsearch = () => question.set({ words: words.value.trim() });
  find("menu").onclick = () => {
    const open = find("question").classList.toggle("open");
    find("menu").setAttribute("aria-expanded", String(open));
  };
}

function slider(name, change) {
  find(name).oninput = (event) => question.set(change(event.target.value), { slide: true });
}

function steer(event) {
  event.preventDefault();
  const words = find("steer-words");
  if (!words.value.trim()) return;
  const way = find("steer-way").value;
  question.set({ [way]: [...question.all(way), `1:${words.value.trim()}`] });
  words.value = "";
}

/** Packs and the like, as they are in the library now. */
export async function choices() {
  const said = await ask("choices");
  for (const [name, key] of Object.entries(LISTS)) {
    const options = said[key].filter((each) => each.name ?? each).map((each) => option(each));
    find(name).replaceChildren(find(name).options[0], ...options);
  }
  show();
}

function option(each) {
  const name = each.name ?? each;
  const made = make("option", "", each.count ? `${name} (${each.count.toLocaleString()})` : name);
  made.value = name;
  return made;
}

/** As the question is. */
export function show() {
  for (const name of Object.keys(LISTS)) pick(find(name), question.get(name));
  for (const name of ["words", ...FIELDS]) written(name);
  for (const name of CHECKS) find(name).checked = question.get(name) === "true";
  const { mix, theta } = question.blend();
  find("mix").value = mix;
  find("theta").value = theta;
  find("theta-auto").checked = question.get("theta") === "";
  find("analogy").checked = question.get("target") === "analogy";
  find("metadata-auto").checked = question.get("metadata_weight") === "";
  if (question.get("metadata_weight") !== "") find("metadata_weight").value = question.get("metadata_weight");
  if (question.get("reference_frame") || question.get("reference_sound")) find("reference").open = true;
  find("reference-remove").hidden = !(question.get("reference_frame") || question.get("reference_sound"));
  const count = question.filters();
  find("filters-count").textContent = count ? `(${count})` : "";
  find("steer-alone").hidden = !(question.browses() && question.all("away").length);
  chips();
  named();
}

/** A field is written to when the question changes, and not when the page asks it anew: one may be typing. */
function written(name) {
  const value = question.get(name);
  if (fields.get(name) !== value) find(name).value = value;
  fields.set(name, value);
}

/** They stay while only weights change: one of them is being moved. */
function chips() {
  const box = find("chips");
  const wanted = ["text", "away"].flatMap((way) => question.all(way).map((said, at) => ({ way, at, said: question.weighted(said) })));
  const of = JSON.stringify(wanted.map(({ way, said }) => [way, said[1]]));
  if (box.dataset.of !== of) box.replaceChildren(...wanted.map(({ way, at, said }) => chip(way, at, said[1])));
  box.dataset.of = of;
  wanted.forEach(({ said: [weight, words] }, index) => {
    box.children[index].querySelector("input").value = weight;
    box.children[index].querySelector(".words").title = `${words} · ${number(weight, 2)}`;
  });
}

function pick(select, value) {
  if (value && ![...select.options].some((each) => each.value === value)) select.append(option(value));
  select.value = value;
}

async function named() {
  const id = question.get("reference_sound");
  const out = find("reference-sound");
  if (!id) out.textContent = say("reference_hint", { key: shown("reference") });
  else if (out.dataset.id !== id) {
    out.dataset.id = id;
    const said = await ask(`sounds/${encodeURIComponent(id)}`, { kind: "reference" }).catch(() => null);
    if (out.dataset.id === id) out.textContent = said?.title ?? `#${id}`;
  }
  if (!id) delete out.dataset.id;
}

function chip(way, at, words) {
  const item = make("div", `chip ${way}`);
  const range = make("input");
  Object.assign(range, { type: "range", min: 0, max: 2, step: 0.05 });
  range.setAttribute("aria-label", `${say("weight")}: ${words}`);
  const changed = (value) => question.all(way).map((each, place) => (place === at ? value : each)).filter(Boolean);
  range.oninput = () => question.set({ [way]: changed(`${range.value}:${words}`) }, { slide: true });
  const remove = make("button", "quiet", "×");
  remove.setAttribute("aria-label", `${say("remove")}: ${words}`);
  remove.onclick = () => {
    question.set({ [way]: changed("") });
    find("steer-form").querySelector("button").focus(); // what had the focus is gone
  };
  item.append(make("span", "way", way === "text" ? "+" : "−"), make("span", "words", words), range, remove);
  return item;
}
