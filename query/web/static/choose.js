// Choosing: keep, reject, collections, the project folder, and what is written into it.

import { ask, send } from "./api.js";
import { make } from "./list.js";
import { trying } from "./said.js";
import { say } from "./words.js";

const find = (id) => document.getElementById(id);
let project = null;
let chosen = 0; // times that one was chosen here: what was asked before that may not know of it

const KEPT = "sonorize.spot";
const OWN = { linked: false, handles: 2, rate: 48000, bits: 24, names: "{CatID}_{FXName}_{SourceID}", reveal: false };
let how = { ...OWN };
try {
  how = { ...OWN, ...JSON.parse(localStorage.getItem(KEPT) ?? "{}") };
} catch {
  // what cannot be read is not used
}

/** Keeps or rejects a sound, or neither if it was so already. The mark that it has now. */
export async function mark(row, wanted) {
  const now = row.mark === wanted ? "" : wanted;
  await send(`sounds/${row.id}/mark`, { mark: now });
  return now;
}

/** Writes or links the sound, or the region, into the project folder; asks for one if there is none. */
export async function spot(row, region) {
  if (!(await hasProject())) return null;
  const [start, end] = region ?? [0, row.duration];
  const said = await send(`sounds/${row.id}/spot`, { start, end, ...how });
  return say(how.linked ? "spot_linked" : "spotted", said);
}

/** The dialog that says how; kept in this browser. */
function settings() {
  const dialog = find("spotting");
  const form = find("spotting-form");
  const show = () => {
    for (const [name, value] of Object.entries(how)) {
      const field = form.elements[name];
      if (typeof value === "boolean" && field.type === "checkbox") field.checked = value;
      else field.value = String(value);
    }
    for (const name of ["handles", "rate", "bits"]) form.elements[name].disabled = how.linked; // a link is the file as it is
  };
  form.oninput = () => {
    for (const [name, own] of Object.entries(OWN)) {
      const field = form.elements[name];
      if (field.validity && !field.validity.valid) continue;
      how[name] = field.type === "checkbox" ? field.checked : typeof own === "boolean" ? field.value === "true" : typeof own === "number" ? Number(field.value) : field.value;
    }
    localStorage.setItem(KEPT, JSON.stringify(how));
    for (const name of ["handles", "rate", "bits"]) form.elements[name].disabled = how.linked;
  };
  find("spot-how").onclick = () => (show(), dialog.showModal());
  find("spotting-own").onclick = () => {
    how = { ...OWN };
    localStorage.removeItem(KEPT);
    show();
  };
}

/** Whether there is a project folder; if there is none, one is asked for. */
export const hasProject = async () => Boolean(project ?? (await known()) ?? (await chooseProject()));

export const reveal = (row) => send(`sounds/${row.id}/reveal`, {});

export async function chooseProject() {
  const place = await choosePlace(say("choose_project"));
  if (!place) return null;
  const said = await send("project", { place });
  chosen += 1;
  return shown(said);
}

export function start() {
  settings();
  find("project").onclick = () => trying(chooseProject);
}

/** The project folder, which the library keeps. */
export async function known() {
  const before = chosen;
  const said = await ask("project").catch(() => project); // there may be no library yet
  return chosen === before ? shown(said) : project;
}

function shown(found) {
  project = found;
  find("project").textContent = project ? `→ ${project.name}` : say("choose_project");
  return project;
}

// Folders

/** The id of a folder that the user chose, or null; of a video, if `video`. */
export function choosePlace(title, { video = false } = {}) {
  const dialog = find("places");
  find("places-title").textContent = title;
  return new Promise((chosen) => {
    let here = null;
    let fresh = true; // the browser gave the focus to what cancels
    const show = async (id = "") => {
      try {
        await list(id);
      } catch (error) {
        if (error.name !== "AbortError") find("places-list").replaceChildren(make("li", "", error.message));
      }
    };
    const list = async (id) => {
      here = id || null; // it is meant already, though it is not shown yet
      find("places-choose").disabled = !here;
      const said = await ask(`places?place=${encodeURIComponent(id)}`, { kind: "places" });
      find("places-choose").hidden = video;
      const above = [...said.above, ...(said.here ? [said.here] : [])];
      find("places-here").replaceChildren(
        way("⌂", () => show()), ...above.map((place) => way(place.name, () => show(place.id))),
      );
      const folders = said.folders.map((place) => {
        const item = make("li");
        item.append(way(place.name, () => show(place.id)));
        return item;
      });
      if (video) folders.push(...said.videos.map((place) => {
        const item = make("li");
        item.append(way(`▶ ${place.name}`, () => done(place.id)));
        return item;
      }));
      find("places-list").replaceChildren(...(folders.length ? folders : [make("li", "dim", say("empty_place"))]));
      if (fresh || !dialog.contains(document.activeElement)) { // what had the focus was replaced
        fresh = false;
        (find("places-list").querySelector("button") ?? find(video ? "places-cancel" : "places-choose")).focus();
      }
    };
    const done = (value) => {
      dialog.onclose = null;
      dialog.close();
      chosen(value);
    };
    find("places-choose").onclick = () => done(here);
    find("places-cancel").onclick = () => done(null);
    dialog.onclose = () => chosen(null);
    dialog.showModal();
    show();
  });
}

function way(name, act) {
  const button = make("button", "quiet", name);
  button.type = "button";
  button.onclick = act;
  return button;
}

// Collections

/** The name of a collection that a sound was put into, or null. */
export async function collect(row) {
  const held = await ask("collections");
  find("collecting-names").replaceChildren(
    ...held.filter((each) => each.name).map((each) => Object.assign(make("option"), { value: each.name })),
  );
  const dialog = find("collecting");
  const name = await new Promise((named) => {
    find("collecting-cancel").onclick = () => dialog.close();
    dialog.onclose = () => named(null);
    find("collecting-form").onsubmit = (event) => {
      event.preventDefault();
      named(find("collecting-name").value.trim());
      dialog.close();
    };
    dialog.showModal();
    find("collecting-name").select();
  });
  if (!name) return null;
  await send("collections", { name, sounds: [row.id] });
  return name;
}

/** Takes a sound out of a collection, which goes with its last one. */
export const uncollect = (row, name) => send("collections", { name, sounds: [row.id], remove: true });

/** The options of the list's source: all, kept, and the collections. Whether the current one is there. */
export async function sources(select, chosen) {
  const held = await ask("collections").catch(() => []);
  const current = chosen(); // another may have been chosen meanwhile
  const option = (value, text) => Object.assign(make("option", "", text), { value });
  const named = held.map((each) => option(each.name ? `=${each.name}` : "kept", `${each.name || say("kept")} (${each.count})`));
  select.replaceChildren(option("", say("all_sounds")), ...named);
  select.value = current;
  return select.value === current;
}
