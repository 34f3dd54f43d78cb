// Talking to the server. A newer request of a kind makes the older one stop.

import { say } from "./words.js";

const running = new Map();

export class Refused extends Error {}

/** The JSON of an answer. `kind`: requests of which only the newest counts. */
export async function ask(path, { kind, ...options } = {}) {
  const control = new AbortController();
  if (kind) {
    running.get(kind)?.abort();
    running.set(kind, control);
  }
  let response;
  try {
    response = await fetch(`/api/${path}`, { ...options, signal: control.signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(say("offline"));
  }
  if (response.status === 401) return (await login(), ask(path, { kind, ...options }));
  let said = null;
  try {
    if (response.status !== 204) said = await response.json();
  } catch { // it was given up, or broke off, within the answer
    control.signal.throwIfAborted();
    if (response.ok) throw new Refused(say("offline"));
  }
  if (!response.ok) throw new Refused(said?.error ?? `${response.status} ${response.statusText}`);
  return said;
}

export const send = (path, value, options = {}) =>
  ask(path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value), ...options,
  });

let entering = null;

/** Asks for the token until it is right. */
function login() {
  entering ??= new Promise((entered) => {
    const dialog = document.getElementById("login");
    dialog.onclose = () => entering && dialog.showModal(); // a browser lets Escape close it at last
    document.getElementById("login-form").onsubmit = async (event) => {
      event.preventDefault();
      const problem = await entry(document.getElementById("token").value);
      document.getElementById("login-problem").textContent = problem;
      if (problem) return;
      entering = null;
      dialog.close();
      entered();
    };
    dialog.showModal();
  });
  return entering;
}

/** Why a token is not taken, or "". */
async function entry(token) {
  const response = await fetch("/api/login", {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }),
  }).catch(() => null);
  if (!response) return say("offline");
  if (response.ok) return "";
  return (await response.json().catch(() => null))?.error ?? `${response.status} ${response.statusText}`;
}
