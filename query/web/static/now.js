// The sound that is chosen: what is known of it, and where it is being heard.

import { ask } from "./api.js";
import * as list from "./list.js";
import * as player from "./player.js";
import { problem } from "./said.js";
import { draw, pairs } from "./wave.js";
import * as wells from "./wells.js";
import { number, say } from "./words.js";

const find = (id) => document.getElementById(id);
let detail = null;

/** Its row with all that is known of it, or null. */
export const sound = () => detail;

/** Shows a sound, and what is known of it as it comes. */
export async function describe(row) {
  detail = { ...row, peaks: pairs(row.wave) };
  for (const button of [find("toggle"), ...find("acts").querySelectorAll("[id^=act-]")]) button.disabled = false;
  find("act-take").disabled = !row.takes;
  show();
  const said = await ask(`sounds/${row.id}`, { kind: "detail" }).catch(() => null);
  if (said && detail?.id === said.id) {
    detail = { ...detail, ...said, ...{ start: row.start, end: row.end, parts: row.parts, score: row.score, mark: detail.mark } };
    detail.peaks = pairs(said.wave);
    show();
  }
}

/** It was kept, rejected or neither. */
export function remark(row, mark) {
  if (detail?.id !== row.id) return; // another was chosen meanwhile
  detail.mark = mark;
  show();
}

/** How it stands in a new answer: its row there, or null. */
export function reranked(row) {
  if (!detail) return;
  const same = row?.id === detail.id;
  detail = { ...detail, parts: same ? row.parts : {}, score: same ? row.score : 0 };
  if (same) {
    detail = { ...detail, start: row.start, end: row.end };
    player.choose(row); // it begins where that fits best
  }
  show();
}

function show() {
  const row = detail;
  find("now-title").textContent = row.title;
  const facts = [
    row.sample_rate && `${row.sample_rate / 1000} kHz`, row.bit_depth && `${row.bit_depth} bit`,
    row.channels && `${row.channels} ch`, Object.keys(row.parts).length && list.why(row), row.credit ?? row.license,
  ];
  find("now-about").textContent = facts.filter(Boolean).join(" · ");
  find("now-about").title = row.description ?? "";
  for (const [id, mark] of [["act-keep", "kept"], ["act-reject", "rejected"]]) {
    find(id).setAttribute("aria-pressed", String(row.mark === mark));
  }
  paint();
}

/** Its waveform, and where it is. */
export function paint() {
  if (!detail) return;
  const length = detail.duration || player.element()?.duration || 1;
  const share = (pair) => pair && pair.map((seconds) => seconds / length);
  const partial = detail.end - detail.start < length - 0.05;
  draw(find("wave"), detail.peaks, {
    moment: partial ? share([detail.start, detail.end]) : undefined,
    region: share(player.bounds()), at: player.position() / length,
  });
  find("now-time").textContent = `${number(player.position())} / ${number(length)} s`;
  const region = player.bounds();
  const more = [
    region && `${say("region")} ${number(region[0], 2)}–${number(region[1], 2)} s`,
    player.matches() && `${say("gain")} ${number(player.offset(detail))} dB`,
    player.speed() !== 1 && `${say("speed")} ${number(player.speed(), 2)}×`,
  ];
  find("now-more").textContent = more.filter(Boolean).join(" · ");
}

export function told(name, row, why) {
  if (!row || row.id !== player.chosen()?.id) return;
  if (name === "failed") problem(say("cannot_play", { why }));
  const playing = player.isPlaying();
  if (name === "play" || name === "pause" || name === "ended") {
    find("toggle").textContent = playing ? "■" : "▶";
    find("toggle").setAttribute("aria-label", say(playing ? "stop" : "play"));
    list.playing(playing ? row.id : null);
    wells.sync(playing);
    if (playing) requestAnimationFrame(run);
  }
  paint();
}

function run() {
  player.watch();
  paint();
  if (player.isPlaying()) requestAnimationFrame(run);
}
