// A video's timeline: its shots, and the sounds that were chosen for them.

import { ask, send } from "./api.js";
import { choosePlace, hasProject } from "./choose.js";
import { make } from "./list.js";
import { louder } from "./player.js";
import { tell, trying } from "./said.js";
import { number, say } from "./words.js";

const find = (id) => document.getElementById(id);
const FORMATS = [".mp4", ".mov", ".wav", ".rpp", ".aaf", ".otio", ".fcpxml", ".edl", ".csv", ".txt"];
const film = find("scene-film");
const sounds = new Map(); // cue → its audio
let scene = null;
let chosen = "";
let alone = false; // only the cue that is chosen is heard
let watching = false;
let drawn = 0; // times
let handlers = {};

export function start(given) {
  handlers = given;
  find("scene-open").onclick = open;
  find("scene-again").onclick = () => begin(scene.video, true);
  find("scene-play").onclick = toggle;
  find("scene-write").onclick = write;
  find("cue-clip").onchange = (event) => event.target.value !== "" && change({ alternate: Number(event.target.value) });
  find("cue-locked").onchange = (event) => change({ locked: event.target.checked });
  find("cue-earlier").onclick = () => change({ nudge: -1 });
  find("cue-later").onclick = () => change({ nudge: 1 });
  find("cue-remove").onclick = () => change({ remove: true });
  find("cue-hear").onclick = hear;
  find("cue-ask").onclick = askHere;
  find("cue-use").onclick = () => change({ sound: handlers.heard().id });
  find("scene-formats").append(...FORMATS.map((name) => {
    const label = make("label", "row");
    const box = Object.assign(make("input"), { type: "checkbox", value: name, checked: name === ".mp4" });
    label.append(box, name);
    return label;
  }));
  film.onplay = () => requestAnimationFrame(run);
  film.onpause = film.onended = silence;
  film.onseeked = head;
}

export async function show({ own }) {
  offer();
  if (!watching) await trying(watch, { kind: "scene", own });
}

/** The film, with all its sounds. */
export function toggle() {
  if (!scene) return;
  alone = false;
  if (film.paused) film.play().catch(() => {});
  else film.pause();
}

/** Nothing sounds that one cannot stop. */
export const hide = () => film.pause();

async function open() {
  await trying(async () => {
    if (!(await hasProject())) return;
    const video = await choosePlace(say("scene_open"), { video: true });
    if (video) await begin(video, false);
  });
}

const begin = (video, anew) =>
  trying(async () => {
    film.pause();
    await send("scene", { video, anew });
    await watch();
  });

async function write() {
  const formats = [...find("scene-formats").querySelectorAll(":checked")].map((box) => box.value);
  if (!formats.length) return;
  await trying(async () => {
    await send("scene/write", { formats, video: scene.video });
    await watch();
    tell(find("scene-said").textContent); // what is said above may be out of sight
  });
}

async function watch() {
  const bar = find("scene-progress");
  watching = true;
  try {
    let state = await ask("scene/state");
    while (state.running) {
      bar.hidden = false;
      if (state.total) Object.assign(bar, { max: state.total, value: state.done });
      else bar.removeAttribute("value");
      find("scene-said").textContent = state.stage;
      await new Promise((done) => setTimeout(done, 400));
      state = await ask("scene/state");
    }
    find("scene-said").textContent = state.said;
    const before = drawn;
    const found = await ask("scene");
    if (found && drawn === before) draw(found); // else a cue was changed meanwhile, and is shown
  } finally {
    bar.hidden = true;
    watching = false;
  }
}

// Drawing

function draw(found) {
  drawn += 1;
  const fresh = scene?.video !== found.video;
  scene = found;
  find("scene-made").hidden = find("scene-again").hidden = false;
  find("scene-name").textContent = scene.name;
  if (fresh) film.src = `/api/videos/${scene.video}/film`;
  for (const audio of sounds.values()) audio.pause();
  sounds.clear();
  drawShots(fresh);
  for (const layer of ["spot", "ambience"]) {
    find(`lane-${layer}`).replaceChildren(...scene.cues.filter((cue) => cue.layer === layer).map(block));
  }
  pick(chosen);
  head();
}

function at(element, from, to) {
  element.style.left = `${(from / scene.seconds) * 100}%`;
  element.style.width = `${Math.max(0.4, ((to - from) / scene.seconds) * 100)}%`;
  return element;
}

function drawShots(fresh) {
  const lane = find("lane-shots");
  const shots = scene.shots.map((shot, index) => {
    const button = at(make("button", "shot"), shot.start, shot.end);
    const name = `${say("shot")} ${index + 1}`;
    button.setAttribute("aria-label", shot.note ? `${name}: ${shot.note}` : name);
    button.title = shot.note || name;
    if (shot.note) button.classList.add("silent");
    button.onclick = () => (film.currentTime = shot.start);
    return button;
  });
  if (!fresh && lane.children.length === shots.length) {
    shots.forEach((shot, index) => shot.append(...lane.children[index].childNodes));
    lane.replaceChildren(...shots);
  } else {
    lane.replaceChildren(...shots);
    thumbs(scene.video);
  }
}

let pictured = 0; // times that they were begun: the newest goes on

async function thumbs(video) {
  const mine = (pictured += 1);
  for (const [index, shot] of scene.shots.entries()) {
    if (mine !== pictured) return;
    const said = await send(`videos/${video}/frame`, { at: (shot.start + shot.end) / 2 }).catch(() => null);
    if (!said || mine !== pictured) continue;
    const image = Object.assign(make("img"), { src: `/api/pictures/${said.frame}`, alt: "" });
    find("lane-shots").children[index]?.append(image);
  }
}

function block(cue) {
  const button = at(make("button", `cue ${cue.clip.strength}`, cue.clip.title), cue.start, cue.end);
  button.dataset.cue = cue.id;
  button.title = `${cue.clip.title} · ${cue.timecode}${cue.locked ? ` · ${say("lock")}` : ""}`;
  button.classList.toggle("locked", cue.locked);
  button.onclick = () => pick(cue.id);
  return button;
}

function pick(id) {
  const cue = scene.cues.find((each) => each.id === id);
  chosen = cue?.id ?? "";
  for (const button of find("lanes").querySelectorAll(".cue")) {
    button.setAttribute("aria-pressed", String(button.dataset.cue === chosen));
  }
  find("cue-tools").hidden = !cue;
  find("cue-about").textContent = cue ? about(cue) : say("no_cue");
  if (!cue) return;
  const option = (value, clip) => Object.assign(make("option", "", clip.title), { value });
  find("cue-clip").replaceChildren(option("", cue.clip), ...cue.alternates.map((clip, index) => option(index, clip)));
  find("cue-locked").checked = cue.locked;
  offer();
}

/** The sound that was chosen in the list can take the place of the cue's. */
function offer() {
  const row = handlers.heard();
  find("cue-use").hidden = !row;
  if (row) find("cue-use").textContent = say("use_instead", { title: row.title });
}

/** Asks with what the film shows at the cue, so that another sound can be chosen for it. */
const askHere = () =>
  trying(async () => {
    const cue = scene.cues.find((each) => each.id === chosen);
    const shown = await send(`videos/${scene.video}/frame`, { at: cue.start });
    handlers.asked({ frame: shown.frame, sound: "" });
  });

const about = (cue) =>
  [cue.timecode, `${number(cue.end - cue.start)} s`, say(cue.clip.strength), cue.clip.licence || say("unknown_licence"),
    cue.gain ? `${number(cue.gain)} dB` : ""].filter(Boolean).join(" · ");

const change = (what) =>
  trying(async () => draw(await send(`scene/cues/${encodeURIComponent(chosen)}`, { ...what, video: scene.video })));

// Hearing

function hear() {
  const cue = scene.cues.find((each) => each.id === chosen);
  if (!cue) return;
  alone = true;
  film.currentTime = Math.max(0, cue.start - 1);
  film.play();
}

function run() {
  head();
  if (film.paused) return;
  const now = film.currentTime;
  for (const cue of scene.cues) {
    const sounding = now >= cue.start && now < cue.end && cue.clip.sound && (!alone || cue.id === chosen);
    if (!sounding) {
      sounds.get(cue.id)?.pause();
      continue;
    }
    let audio = sounds.get(cue.id);
    if (!audio) {
      audio = new Audio(`/api/sounds/${cue.clip.sound}/audio`);
      louder(audio, cue.gain);
      audio.loop = cue.loop;
      sounds.set(cue.id, audio);
    }
    if (audio.paused && !audio.ended) {
      const into = cue.offset + now - cue.start;
      const left = cue.clip.duration - cue.offset;
      audio.currentTime = cue.loop && left > 0 ? cue.offset + ((now - cue.start) % left) : into;
      if (cue.loop || into < cue.clip.duration) audio.play().catch(() => {});
    }
  }
  const cue = scene.cues.find((each) => each.id === chosen);
  if (alone && cue && now > cue.end + 0.5) film.pause();
  requestAnimationFrame(run);
}

function silence() {
  for (const audio of sounds.values()) audio.pause();
}

function head() {
  if (!scene) return;
  find("scene-head").style.left = `${(film.currentTime / scene.seconds) * 100}%`;
  find("scene-time").textContent = `${number(film.currentTime)} / ${number(scene.seconds)} s`;
}
