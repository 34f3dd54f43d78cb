// The library as a whole: builds, the map, packs, and files with problems.

import { ask, send } from "./api.js";
import { choosePlace } from "./choose.js";
import { make } from "./list.js";
import { trying } from "./said.js";
import { say } from "./words.js";

const find = (id) => document.getElementById(id);
let map = null;
let handlers = {};
let watching = false;

export function start(given) {
  handlers = given;
  find("add-folder").onclick = async () => {
    const place = await choosePlace(say("choose_folder"));
    if (place) build(place);
  };
  find("build-again").onclick = () => build("");
  const canvas = find("map");
  canvas.onmousemove = (event) => point(event, false);
  canvas.onclick = (event) => point(event, true);
  watch();
}

export async function show({ none }) {
  find("first-run").hidden = !none;
  for (const section of find("library").querySelectorAll("section")) section.hidden = none;
  find("build-again").hidden = none;
  if (none) return;
  const said = await ask("overview", { kind: "overview" });
  rows("roots", said.roots.map((root) => [
    root.name, `${root.present.toLocaleString()} ${say("present")}`,
    root.offline ? `${root.offline.toLocaleString()} ${say("offline_file")}` : "",
    root.missing ? `${root.missing.toLocaleString()} ${say("missing")}` : "",
  ]));
  rows("packs", said.packs.map((pack) => [
    pack.name || "–",
    Object.entries(pack.licences).map(([name, count]) => `${name || say("unknown_licence")} ${count.toLocaleString()}`).join(" · "),
  ]), ["pack", "licences"]);
  rows("problems", said.problems.map((each) => [each.name, each.reason]), ["file", "reason"]);
  if (!said.problems.length) find("problems").replaceChildren(make("caption", "dim", say("no_problems")));
  await showMap();
}

function rows(id, lines, heads = null) {
  const line = (cells, kind) => {
    const row = make("tr");
    row.append(...cells.map((cell) => make(kind, "", cell)));
    return row;
  };
  find(id).replaceChildren(
    ...(heads && lines.length ? [line(heads.map((head) => say(head)), "th")] : []), ...lines.map((each) => line(each, "td")),
  );
}

// Builds

async function build(place) {
  await trying(async () => {
    await send("build", { place });
    watch();
  });
}

async function watch() {
  if (watching) return;
  watching = true;
  let state = await ask("build").catch(() => null);
  if (state?.running) handlers.model();
  while (state?.running) {
    const bar = find("build-progress");
    bar.hidden = false;
    if (state.total) Object.assign(bar, { max: state.total, value: state.done });
    else bar.removeAttribute("value");
    find("build-said").textContent = !state.total ? state.stage : `${state.stage}: ${Math.floor(state.done).toLocaleString()} / ${Math.floor(state.total).toLocaleString()} ${state.unit}`;
    await new Promise((done) => setTimeout(done, 500));
    state = await ask("build").catch(() => state); // it is not over where the server is slow to answer
    if (!state.running) handlers.built();
  }
  find("build-progress").hidden = true;
  find("build-said").textContent = state?.said ?? "";
  watching = false;
}

// The map

const bytes = (base64) => Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0)).buffer;

async function showMap() {
  const said = await ask("map", { kind: "map" }).catch((error) => (find("map-said").textContent = error.message, null));
  if (!said) return;
  map = { ids: new Uint32Array(bytes(said.ids)), points: new Uint16Array(bytes(said.points)) };
  paint();
}

const MARGIN = 12;

function place(canvas, index) {
  const wide = canvas.clientWidth - 2 * MARGIN;
  const high = canvas.clientHeight - 2 * MARGIN;
  return [MARGIN + (map.points[2 * index] / 65535) * wide, MARGIN + (map.points[2 * index + 1] / 65535) * high];
}

export function paint(chosen = -1) {
  const canvas = find("map");
  if (!map || !canvas.clientWidth) return;
  const scale = devicePixelRatio || 1;
  Object.assign(canvas, { width: canvas.clientWidth * scale, height: canvas.clientHeight * scale });
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const style = getComputedStyle(document.documentElement);
  const size = map.ids.length > 5000 ? 1.6 : map.ids.length > 500 ? 3 : 5;
  pen.fillStyle = style.getPropertyValue("--accent");
  pen.globalAlpha = map.ids.length > 5000 ? 0.5 : 0.8;
  for (let index = 0; index < map.ids.length; index++) {
    const [x, y] = place(canvas, index);
    pen.fillRect(x - size / 2, y - size / 2, size, size);
  }
  if (chosen < 0) return;
  pen.globalAlpha = 1;
  pen.strokeStyle = style.getPropertyValue("--warm");
  pen.lineWidth = 2;
  const [x, y] = place(canvas, chosen);
  pen.beginPath();
  pen.arc(x, y, 7, 0, 7);
  pen.stroke();
}

async function point(event, play) {
  if (!map?.ids.length) return;
  const canvas = find("map");
  let best = -1;
  let least = 400; // pixels squared
  for (let index = 0; index < map.ids.length; index++) {
    const [x, y] = place(canvas, index);
    const far = (x - event.offsetX) ** 2 + (y - event.offsetY) ** 2;
    if (far < least) [best, least] = [index, far];
  }
  if (best < 0 || (best === map.chosen && !play)) return;
  map.chosen = best;
  paint(best);
  const row = await ask(`sounds/${map.ids[best]}`, { kind: "point" }).catch(() => null);
  if (!row || map.chosen !== best) return;
  find("map-said").textContent = [row.title, row.category, row.pack].filter(Boolean).join(" · ");
  if (play) handlers.play(row);
}
