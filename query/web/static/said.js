// What is said to the user: what went wrong, and what was done.

import { Refused } from "./api.js";

const find = (id) => document.getElementById(id);
let of = ""; // what the problem that is shown is of

/**
 * Runs an act, and says what goes wrong with it. What was said before goes, unless the page does this
 * by itself (`own`): then only what is of the same `kind` goes, which the user may not have read yet.
 */
export async function trying(act, { kind = "act", own = false } = {}) {
  if (!own) tell("");
  if (own) solved(kind);
  else problem("");
  try {
    await act();
  } catch (error) {
    if (error.name !== "AbortError") problem(error instanceof Refused ? error.message : String(error), kind);
  }
}

export function problem(sentence, kind = "act") {
  of = kind;
  if (find("problem").textContent !== sentence) find("problem").textContent = sentence; // it is read out each time
}

/** Takes a problem of this kind away, once it is none any more. Whether it was shown. */
export function solved(kind) {
  const shown = of === kind && find("problem").textContent !== "";
  if (shown) problem("");
  return shown;
}

/** What was done. */
export function tell(sentence) {
  find("told").textContent = sentence;
}
