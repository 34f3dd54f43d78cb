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
  if (!own || of === kind) problem("");
  try {
    await act();
  } catch (error) {
    if (error.name !== "AbortError") problem(error instanceof Refused ? error.message : String(error), kind);
  }
}

export function problem(sentence, kind = "act") {
  of = kind;
  find("problem").textContent = sentence;
}

/** What was done. */
export function tell(sentence) {
  find("told").textContent = sentence;
}
