// Brings the parts of the page together: question → sounds → what is heard.

import { answer, follow, further, remark } from "./answer.js";
import { ask } from "./api.js";
import * as choose from "./choose.js";
import * as keys from "./keys.js";
import * as library from "./library.js";
import * as list from "./list.js";
import * as now from "./now.js";
import * as panel from "./panel.js";
import * as player from "./player.js";
import * as question from "./question.js";
import { problem, solved, tell, trying } from "./said.js";
import * as scene from "./scene.js";
import * as wells from "./wells.js";
import { say } from "./words.js";

const find = (id) => document.getElementById(id);
let ready = ""; // what was last heard of the model and the library

// The views

function changed(slide = false, { own = false } = {}) {
  if (ready.startsWith("none") && question.get("view") !== "library") { // nothing can be asked: there one is made
    question.set({ view: "library" }, { slide: true });
    return;
  }
  panel.show();
  wells.show();
  const view = question.get("view");
  find("list").hidden = view === "library" || view === "scene";
  for (const [name, button] of [["library", "library-open"], ["scene", "scene-show"]]) {
    find(name).hidden = view !== name;
    find(button).setAttribute("aria-pressed", String(view === name));
  }
  if (view !== "scene") scene.hide();
  find("browse").hidden = !question.browses();
  find("sort-label").hidden = find("descending").hidden = Boolean(question.get("collection"));
  find("act-uncollect").hidden = !(question.browses() && question.get("collection").startsWith("="));
  find("sort").value = question.get("sort") || "title";
  find("descending").setAttribute("aria-pressed", String(question.get("descending") === "true"));
  if (!ready) return; // it is not known yet whether there is a library
  if (view === "library") trying(() => library.show({ none: ready.startsWith("none") }), { kind: "library", own });
  else if (view === "scene") scene.show({ own });
  else if (slide) follow();
  else answer({ own });
}

const sources = () => choose.sources(find("collection"), () => question.get("collection"));

// The model

let waiting = null;

async function watchModel() {
  clearTimeout(waiting);
  let said = null;
  try {
    said = await ask("status");
  } catch (error) {
    problem(error.message, "status");
  }
  if (said) {
    model(said);
    if (solved("status") && !further()) changed(false, { own: true });
  }
  const waits = !said || said.model.state === "loading" || (said.model.sees && !said.floor && said.counts.ready > 0);
  waiting = setTimeout(watchModel, waits ? 700 : 15000);
}

function model(said) {
  const { state, name, sees } = said.model;
  const out = find("model");
  const measuring = state === "ready" && sees && !said.floor && said.counts.ready > 0;
  out.textContent = measuring ? `${name} · ${say("floor")}` : say(state, { name });
  out.title = said.model.said || said.model.caveat;
  out.classList.toggle("waits", state === "loading" || measuring);
  const before = ready;
  ready = `${state} ${said.floor} ${said.counts.ready ?? 0}`;
  if (before !== ready) {
    if (!further() || !before.startsWith(`${state} `)) changed(false, { own: true }); // a build that goes on takes nobody back up
    if (state !== "none") {
      panel.choices().catch(() => {});
      sources();
      choose.known();
    }
  }
  if (state === "missing" || state === "failed") problem(said.model.said, "answer");
}

// Listening

function chooseRow(index, { play = true, from = null } = {}) {
  list.select(index);
  const row = list.current();
  if (!row) return;
  if (play) player.play(row, from);
  else player.choose(row);
  player.prefetch([list.all()[index + 1], list.all()[index - 1]]);
  now.describe(row);
  if (index >= list.all().length - 5 && !find("more").hidden) answer({ add: true });
}

// Choosing

/** Does something with the sound that is chosen, if there is one. */
const withSound = (act) => () => now.sound() && trying(() => act(now.sound()));

const mark = (wanted) => withSound(async (sound) => {
  const mark = await choose.mark(sound, wanted);
  remark(sound, mark);
  now.remark(sound, mark);
  sources();
});
const write = withSound(async (sound) => tell((await choose.spot(sound, player.bounds())) ?? ""));
const spot = () => chooseFocused() || write();
const reveal = withSound(choose.reveal);
const collect = withSound(async (sound) => {
  const name = await choose.collect(sound);
  if (name) tell(say("collected", { name }));
  sources();
});

const uncollect = withSound(async (sound) => {
  await choose.uncollect(sound, question.get("collection").slice(1));
  if (await sources()) await answer();
  else question.set({ collection: "" }); // its last sound was taken out: it is gone
});

function toLibrary() {
  question.set({ view: question.get("view") === "library" ? "" : "library" });
}

async function copy(row) {
  const copied = await navigator.clipboard?.writeText(row.path).then(() => true, () => false);
  tell(copied ? say("copied") : say("not_copied", { path: row.path })); // only where the connection is safe
}

async function nextTake(row) {
  if (!row?.takes) return;
  await trying(async () => {
    const takes = await ask(`sounds/${row.takeOf ?? row.id}/takes`, { kind: "takes" });
    const at = takes.findIndex((take) => take.id === row.id);
    const next = takes[(at + 1) % takes.length];
    const index = list.all().findIndex((each) => each.id === row.id); // another answer may have come meanwhile
    if (index < 0) return;
    list.replace(index, { ...next, rank: list.all()[index].rank, takes: row.takes, takeOf: row.takeOf ?? row.id, takeAt: (at + 1) % takes.length });
    chooseRow(index);
  });
}

/** Tab visits each take of the sound that has the focus, once, and then goes on as it always does. */
function tabbed() {
  const index = list.focused();
  const row = list.all()[index];
  if (!row || (row.takeAt ?? 0) >= row.takes) return false;
  nextTake(row);
  return true;
}

function drag(row, event) {
  const url = `${location.origin}/api/sounds/${row.id}/audio`;
  const name = row.path.split(/[/\\]/).pop().replace(/[:\x00-\x1f]/g, "_"); // a colon ends the name
  event.dataTransfer.setData("DownloadURL", `application/octet-stream:${name}:${url}`);
  event.dataTransfer.setData("text/plain", row.path);
}

async function playAlone(row) {
  player.play(row);
  await now.describe(row);
}

const handlers = {
  play: (index, share = null) => chooseRow(index, { from: share && share * list.all()[index].duration }),
  take: nextTake,
  like: (row) => question.set({ sound: String(row.id), frame: "", words: "" }),
  reference: (row) => {
    find("reference").open = true;
    question.set({ reference_sound: String(row.id) });
  },
  copy,
  drag,
};

/** Chooses the sound whose row has the focus, if another is chosen: a key is meant for it. */
function chooseFocused() {
  const index = list.focused();
  if (index < 0 || list.all()[index].id === player.chosen()?.id) return false;
  chooseRow(index);
  return true;
}

const withRow = (act) => () => list.current() && act(list.current());
const stepped = (by) => () => {
  const before = list.place();
  list.step(by);
  if (list.current() && (list.place() !== before || by)) chooseRow(list.place());
};

const toggle = () => chooseFocused() || (player.chosen() ? player.toggle() : list.all().length && chooseRow(0));

const actions = {
  down: stepped(1),
  up: stepped(-1),
  toggle: () => (question.get("view") === "scene" ? scene.toggle() : toggle()),
  forward: () => player.seek(player.position() + 1),
  back: () => player.seek(player.position() - 1),
  in: () => player.mark("in"),
  out: () => player.mark("out"),
  whole: () => player.setRegion(null),
  take: () => nextTake(list.current()),
  keep: mark("kept"),
  reject: mark("rejected"),
  spot,
  collect,
  reveal,
  library: toLibrary,
  like: withRow(handlers.like),
  reference: withRow(handlers.reference),
  copy: withRow(copy),
  search: () => (find("words").focus(), find("words").select()),
  gain: () => player.match(!player.matches()),
  slower: () => player.setSpeed(player.speed() / 2 ** (1 / 12)),
  faster: () => player.setSpeed(player.speed() * 2 ** (1 / 12)),
  normal: () => player.setSpeed(1),
  help: () => find("help").showModal(),
};

// The page

function theme() {
  const kept = localStorage.getItem("sonorize.theme");
  if (kept) document.documentElement.dataset.theme = kept;
  find("theme").onclick = () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("sonorize.theme", document.documentElement.dataset.theme);
    list.repaint();
    library.paint();
    now.paint();
  };
}

theme();
keys.table(find("keys"), find("keys-reset"));
keys.listen(actions, tabbed);
find("help-open").onclick = actions.help;
find("help-close").onclick = () => find("help").close();
find("toggle").onclick = toggle;
find("more").onclick = () => answer({ add: true });
find("wave").onclick = (event) => {
  const row = player.chosen();
  if (row) player.play(row, (event.offsetX / event.target.clientWidth) * (row.duration || 1));
};
find("act-keep").onclick = actions.keep;
find("act-reject").onclick = actions.reject;
find("act-spot").onclick = spot;
find("act-collect").onclick = collect;
find("act-uncollect").onclick = uncollect;
find("act-reveal").onclick = reveal;
find("act-reference").onclick = () => handlers.reference(now.sound());
find("act-copy").onclick = () => copy(now.sound());
find("act-take").onclick = actions.take;
find("library-open").onclick = toLibrary;
find("scene-show").onclick = () => question.set({ view: question.get("view") === "scene" ? "" : "scene" });
choose.start();
scene.start({ heard: player.chosen, asked: question.set });
find("collection").onchange = (event) => question.set({ collection: event.target.value });
find("sort").onchange = (event) => question.set({ sort: event.target.value === "title" ? "" : event.target.value });
find("descending").onclick = () => question.set({ descending: question.get("descending") ? "" : "true" });
player.onTell(now.told);
list.handle(handlers);
panel.start();
wells.start({ note: (sentence) => (find("taken").textContent = sentence) });
question.onChange(changed);
library.start({ play: playAlone, model: watchModel, built: () => (watchModel(), changed(false, { own: true })) });
addEventListener("resize", () => (list.repaint(), library.paint(), now.paint()));
changed();
watchModel();
