// Where pictures and videos are dropped, pasted and chosen.

import { ask, Refused, send } from "./api.js";
import { choosePlace } from "./choose.js";
import * as question from "./question.js";
import { problem, trying } from "./said.js";
import { say } from "./words.js";

const find = (id) => document.getElementById(id);
const film = find("film");
let filmUrl = null;
let localVideo = ""; // the id of one that lies on the server's machine
let handlers = {};

const typed = (file, kind) => file.type.startsWith(`${kind}/`);

export function start(given) {
  handlers = given;
  well("choose", "file", take);
  well("reference-choose", "reference-file", takeReference);
  find("open-video").onclick = openLocal;
  find("unsee").onclick = () => {
    forget();
    question.set({ frame: "" });
    show(); // a video whose frame was not asked yet goes too
    find("choose").focus(); // what had the focus is gone
  };
  find("ask-here").onclick = askHere;
  find("reference-remove").onclick = () => {
    question.set({ reference_frame: "", reference_sound: "", mix: "", theta: "", target: "" });
    find("reference-choose").focus();
  };
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("over"));
  addEventListener("drop", (event) => {
    document.body.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (!file) return;
    event.preventDefault();
    if (event.target.closest("#reference-well")) takeReference(file);
    else take(file);
  });
  addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file) {
      event.preventDefault();
      take(file);
    }
  });
}

function well(button, input, act) {
  find(button).onclick = () => find(input).click();
  find(input).onchange = (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) act(file);
  };
}

async function take(file) {
  if (typed(file, "video")) return open(file);
  await trying(async () => {
    const frame = await upload(file);
    forget();
    question.set({ frame, sound: "" });
    show();
  });
}

async function takeReference(file) {
  await trying(async () => question.set({ reference_frame: await upload(file) }));
}

const MOST = 64_000_000; // bytes, as on the server
let sending = 0; // pictures that are on their way

async function upload(data) {
  if (data.size > MOST) throw new Refused(say("too_large"));
  sending += 1;
  find("question").ariaBusy = "true";
  try {
    return (await ask("pictures", { kind: "picture", method: "POST", body: data })).frame;
  } finally {
    sending -= 1;
    find("question").ariaBusy = String(sending > 0);
  }
}

// A video stays in the browser: only the frame that asks is sent.
function open(file) {
  forget();
  filmUrl = URL.createObjectURL(file);
  film.src = filmUrl;
  film.onloadeddata = () => (film.videoWidth ? askHere() : unshown(file.name));
  film.onerror = () => unshown(file.name);
  show();
}

function unshown(name) {
  forget();
  show();
  problem(say("cannot_show", { name }));
}

async function openLocal() {
  const id = await choosePlace(say("open_video"), { video: true });
  if (!id) return;
  await trying(async () => {
    const facts = await ask(`videos/${id}`, { kind: "video" });
    forget();
    localVideo = id;
    filmUrl = `/api/videos/${id}/film`;
    if (!facts.plays) handlers.note(say("preparing"));
    film.onloadeddata = () => (handlers.note(""), askHere());
    film.onerror = () => unshown(facts.name);
    film.src = filmUrl;
    show();
  });
}

function forget() {
  film.onerror = null;
  film.removeAttribute("src");
  film.load();
  if (filmUrl && !localVideo) URL.revokeObjectURL(filmUrl);
  filmUrl = null;
  localVideo = "";
}

async function askHere() {
  film.dataset.asked = film.currentTime;
  if (localVideo) {
    return trying(async () => {
      const said = await send(`videos/${localVideo}/frame`, { at: film.currentTime }, { kind: "picture" });
      question.set({ frame: said.frame, sound: "" });
    });
  }
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: film.videoWidth, height: film.videoHeight });
  canvas.getContext("2d").drawImage(film, 0, 0);
  const data = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  await trying(async () => question.set({ frame: await upload(data), sound: "" }));
}

/** The film runs from where it asked while a sound plays. */
export function sync(playing) {
  if (!filmUrl) return;
  if (playing) {
    film.currentTime = Number(film.dataset.asked ?? 0);
    film.muted = true;
    film.play().catch(() => {});
  } else {
    film.pause();
  }
}

/** As the question is. */
export function show() {
  const frame = question.get("frame");
  const seen = find("seen");
  picture(seen, filmUrl ? "" : frame);
  film.hidden = !filmUrl;
  find("ask-here").hidden = !filmUrl;
  find("choose").hidden = find("open-video").hidden = Boolean(frame || filmUrl);
  find("well-tools").hidden = !(frame || filmUrl);
  const reference = question.get("reference_frame");
  picture(find("reference-seen"), reference);
  find("reference-choose").hidden = Boolean(reference);
}

function picture(image, frame) {
  image.hidden = !frame;
  const source = frame ? `/api/pictures/${encodeURIComponent(frame)}` : "";
  if (source && image.getAttribute("src") !== source) image.src = source;
}
