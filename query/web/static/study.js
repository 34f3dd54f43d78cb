// The listening test: where one is comes from the server; one thing is shown at a time.

const words = JSON.parse(document.getElementById("said").textContent);
const $ = (id) => document.getElementById(id);
const QUESTIONS = ["fit", "quality"];
const NOTED = "sonorize.withdrawal"; // for this tab, until it is closed

const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

// Talking to the server

async function ask(path, given) {
  const sent = given && {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(given),
  };
  const response = await fetch(`/api/${path}`, sent).catch(() => null);
  if (!response) throw new Error(say("offline"));
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return answer;
  const error = new Error(answer?.error ?? response.statusText);
  error.status = response.status;
  throw error;
}

/** Does it, and says in place what went wrong. */
async function attempt(what) {
  $("problem").hidden = true;
  try {
    await what();
  } catch (error) {
    if (error.status === 401) return show("enter");
    $("problem").textContent = error.message;
    $("problem").hidden = false;
  }
}

// What is shown

let state = { stage: "consent" };

function show(stage) {
  stop();
  for (const each of document.querySelectorAll("main > .stage")) each.hidden = each.id !== stage;
  const title = document.querySelector(`#${stage} h2`);
  title.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function arrive(now) {
  state = now;
  if (now.stage === "headphones") begin();
  if (now.stage === "rate") offer();
  show(now.stage);
}

const shown = (stage) => !$(stage).hidden;
const go = () => attempt(async () => arrive(await ask("state")));

// Playing: always from the start, one thing at a time

const audio = $("sound");
let playing = null; // the button
let ended = null;

function stop() {
  audio.pause();
  if (playing) playing.textContent = playing.dataset.said;
  playing = null;
}

function play(button, address, then) {
  const again = playing === button;
  stop();
  if (again) return;
  button.dataset.said ??= button.textContent;
  const whole = new URL(address, location.href).href;
  if (audio.src !== whole) audio.src = whole;
  audio.currentTime = 0;
  playing = button;
  ended = then;
  button.textContent = `■ ${say("stop")}`;
  audio.play().catch((error) => {
    if (error.name !== "AbortError") failed();
  });
}

function failed() {
  stop();
  audio.removeAttribute("src");
  attempt(() => Promise.reject(new Error(say("play_failed"))));
}

audio.onerror = () => {
  if (audio.getAttribute("src")) failed();
};
audio.onended = () => {
  const [then, ranges] = [ended, audio.played];
  stop();
  let longest = 0; // s that were played without a leap
  for (let at = 0; at < ranges.length; at += 1) longest = Math.max(longest, ranges.end(at) - ranges.start(at));
  then?.(longest);
};

// Headphones

let answers = [];

function begin() {
  answers = [];
  trial();
}

function trial() {
  stop();
  $("quietest").disabled = true;
  $("trial").textContent = say("trial", { place: answers.length + 1, total: state.trials });
}

$("tones").onclick = () =>
  play($("tones"), `/api/headphones/${answers.length}`, () => {
    $("quietest").disabled = false;
  });

function answer(place) {
  answers.push(place);
  if (answers.length < state.trials) return trial();
  attempt(async () => {
    try {
      arrive(await ask("headphones", { answers }));
    } catch (error) {
      begin();
      throw error;
    }
  });
}

for (const button of $("quietest").querySelectorAll("button"))
  button.onclick = () => answer(Number(button.dataset.place));

// Rating

let played = 0;
const chosen = (name) => Number($("rate").elements[name].value) || 0;

function offer() {
  played = 0;
  $("rate").reset();
  const place = state.place + 1;
  $("which").textContent = say("picture", { place });
  $("picture").alt = say("picture", { place });
  $("picture").src = `/api/steps/${state.place}/picture?${tag()}`;
  $("reference").hidden = !state.reference;
  $("bar").max = state.total;
  $("bar").value = state.done;
  $("count").textContent = say("progress", { place, total: state.total });
  audio.src = `/api/steps/${state.place}/sound?${tag()}`; // fetched ahead
  open();
}

/** Steps of one number differ from person to person. */
let visit = Date.now();
const tag = () => visit.toString(36);

function open() {
  for (const name of QUESTIONS) $(name).disabled = !played;
  $("now").textContent = say(played ? "now_rate" : "first_listen");
  mark();
}

function mark() {
  const asked = played ? QUESTIONS.find((name) => !chosen(name)) : undefined;
  for (const name of QUESTIONS) $(name).classList.toggle("asked", name === asked);
  $("next").disabled = !played || asked !== undefined;
}

$("play").onclick = () =>
  play($("play"), `/api/steps/${state.place}/sound?${tag()}`, (seconds) => {
    played = Math.max(played, seconds);
    open();
  });
$("reference").onclick = () => play($("reference"), `/api/steps/${state.place}/reference?${tag()}`);
$("rate").onchange = mark;
$("rate").onsubmit = (event) => {
  event.preventDefault();
  if ($("next").disabled) return;
  $("next").disabled = true; // until it is answered
  const given = { place: state.place, fit: chosen("fit"), quality: chosen("quality"), played };
  attempt(async () => {
    try {
      arrive(await ask("ratings", given));
    } finally {
      mark();
    }
  });
};

// Keys

function digit(number) {
  if (shown("headphones") && !$("quietest").disabled && number <= 3) return answer(number - 1);
  if (!shown("rate") || !played) return undefined;
  const inside = document.activeElement.closest("fieldset")?.id;
  const name = inside ?? QUESTIONS.find((each) => !chosen(each)) ?? QUESTIONS.at(-1);
  $("rate").elements[name].value = String(number);
  document.activeElement.blur();
  return mark();
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const at = event.target;
  if (at.matches("input:not([type=radio])")) return;
  if (event.key >= "1" && event.key <= "5") return digit(Number(event.key));
  const key = event.key.toLowerCase();
  if (key === "r" && shown("rate") && state.reference) return $("reference").click();
  if (key === "enter" && shown("rate") && !at.matches("button, a")) {
    event.preventDefault();
    return $("rate").requestSubmit();
  }
  const own = at.matches("button, a") || (at.matches("input") && !at.checked);
  if (key !== " " || own) return undefined;
  if (shown("rate") || shown("headphones")) {
    event.preventDefault();
    (shown("rate") ? $("play") : $("tones")).click();
  }
  return undefined;
});

// Coming and going

$("enter").onsubmit = (event) => {
  event.preventDefault();
  enter($("token").value.trim());
};

const enter = (token) =>
  attempt(async () => {
    const { owner } = await ask("login", { token });
    if (owner) location.assign("/results");
    else arrive(await ask("state"));
  });

$("agree").onclick = () =>
  attempt(async () => {
    const { code } = await ask("join", { language: words.lang });
    visit = Date.now();
    sessionStorage.setItem(NOTED, code);
    $("code").textContent = code;
    show("given");
  });
$("copy").onclick = () =>
  navigator.clipboard?.writeText($("code").textContent).then(() => {
    $("copied").textContent = say("copied");
  });
$("copy").hidden = !navigator.clipboard; // only where the connection is safe
$("noted").onclick = () => {
  sessionStorage.removeItem(NOTED);
  go();
};
$("leave").onclick = () =>
  attempt(async () => {
    await ask("leave", {});
    await go();
  });

$("withdraw-show").onclick = () => {
  $("problem").hidden = true;
  show("withdraw");
};
$("back").onclick = go;
$("withdraw").onsubmit = (event) => {
  event.preventDefault();
  attempt(async () => {
    await ask("withdraw", { code: $("withdraw-code").value });
    $("withdraw").reset();
    sessionStorage.removeItem(NOTED);
    show("deleted");
  });
};

const invited = new URLSearchParams(location.hash.slice(1)).get("code");
if (location.hash) history.replaceState(null, "", location.pathname + location.search);
const noted = sessionStorage.getItem(NOTED);
if (invited) {
  show("enter");
  await enter(invited);
} else if (noted) {
  $("code").textContent = noted; // it was not noted down when the page was loaded anew
  show("given");
} else await go();
