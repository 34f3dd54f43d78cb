// Questions and their answers: asks what the address says, and lists what comes.

import { ask } from "./api.js";
import * as list from "./list.js";
import * as now from "./now.js";
import * as player from "./player.js";
import * as question from "./question.js";
import { trying } from "./said.js";
import { counted, say } from "./words.js";

const find = (id) => document.getElementById(id);
let offset = 0;
let shown = ""; // the question that the list answers
let went = false;
let adding = false; // the next ones are on their way
let more = false; // they are wanted, once the list is answered anew
let asking = 0; // questions that are not answered yet: what they answer is not to be added to
const marked = new Map(); // sound → its mark, given meanwhile: what they answer may not know of it

/** Whether one went on down the list, beyond what was answered first. */
export const further = () => went;

/** A sound was kept, rejected or neither, and is so in what is answered from now on. */
export function remark(row, mark) {
  if (asking) marked.set(row.id, mark);
  const index = list.all().findIndex((each) => each.id === row.id);
  if (index >= 0) list.remark(index, mark);
}

let sliding = false;
let slidOn = false;

// One question after the other while a slider moves: the server finishes what it has begun.
export async function follow() {
  slidOn = true;
  if (sliding) return;
  sliding = true;
  while (slidOn) {
    slidOn = false;
    await answer({ ahead: false });
  }
  sliding = false;
}

/** Asks, and lists what is answered. `add`: the next ones, below. `own`: the user did not ask for it now. */
export async function answer({ add = false, ahead = true, own = add } = {}) {
  const [path, given] = question.request();
  const asked = `${path}?${given}`;
  if (add && asking) {
    more = !adding && asked === shown; // of a list that is about to go there are no next ones
    return;
  }
  if (!add) more = asked === shown && (more || (asking > 0 && adding)); // the next ones stay wanted
  asking += 1;
  adding = add;
  find("list").ariaBusy = "true";
  given.set("offset", add ? offset : 0);
  await trying(async () => {
    const said = await ask(`${path}?${given}`, { kind: "answer" });
    for (const row of said.hits) row.mark = marked.get(row.id) ?? row.mark;
    list.show(said.hits, { add, same: asked === shown });
    shown = asked;
    went = add;
    offset = said.offset + said.hits.length;
    find("more").hidden = !said.more;
    taken(said.taken_for ?? []);
    about(list.all().length, said);
    now.reranked(list.current());
    if (!add && ahead) player.prefetch(list.all().slice(0, 2));
  }, { kind: "answer", own });
  asking -= 1;
  if (asking) return;
  marked.clear();
  find("list").ariaBusy = "false";
  if (more) answer({ add: true });
  more = false;
}

function about(count, { more, total }) {
  const sound = question.get("frame") ? "" : question.get("sound");
  const named = sound && (list.all().find((row) => String(row.id) === sound)?.title ?? `#${sound}`);
  const like = sound ? `${say("like_sound")} ${named} · ` : "";
  const shown = total > count ? say("of_total", { count: count.toLocaleString(), total: total.toLocaleString() })
    : more ? say("sounds_count.other", { count: `${count}+` }) : counted("sounds_count", count);
  find("about").textContent = like + shown;
  const browses = question.browses();
  find("empty").hidden = Boolean(count) && !(browses && !question.filters() && !question.get("collection"));
  find("empty").textContent = say(count ? "welcome" : question.narrows() ? "nothing_left" : "nothing");
  find("widen").hidden = Boolean(count) || !question.narrows();
  const zip = find("zip");
  zip.hidden = !question.get("collection") || !count;
  zip.href = `/api/zip?${question.shown()}`;
}

function taken(seen) {
  const named = seen.filter(([, share]) => share >= 0.02).slice(0, 3);
  find("taken").textContent = named.length
    ? `${say("taken_for")}: ${named.map(([label, share]) => `${label} ${Math.round(share * 100)} %`).join(", ")}`
    : "";
}
