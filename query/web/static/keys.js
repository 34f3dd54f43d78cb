// Keys, which can be changed. They are kept in this browser.

import { say } from "./words.js";

const KEPT = "sonorize.keys";
const OWN = {
  down: "ArrowDown", up: "ArrowUp", toggle: " ", forward: "ArrowRight", back: "ArrowLeft", in: "i", out: "o",
  whole: "u", take: "t", keep: "k", reject: "x", spot: "Enter", collect: "b", reveal: "f", library: "l", like: "m", reference: "r", copy: "c", search: "/", gain: "g",
  slower: "[", faster: "]", normal: "=", help: "?",
};
const HELD = ["down", "up", "forward", "back", "slower", "faster"]; // go on while they are held
const NAMES = { " ": say("space"), ArrowDown: "↓", ArrowUp: "↑", ArrowRight: "→", ArrowLeft: "←", Enter: "Enter" };

let map = { ...OWN };
try {
  const kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
  for (const name of Object.keys(OWN)) if (typeof kept[name] === "string") map[name] = kept[name];
} catch {
  // what cannot be read is not used
}

export const shown = (name) => NAMES[map[name]] ?? map[name].toUpperCase();

/** Calls the action of a key, unless one is typing. `tabbed` takes Tab first, and says whether it did. */
export function listen(actions, tabbed) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const field = event.target.closest("input:not([type=checkbox]), select, textarea, video");
    if (field) {
      if (event.key === "Escape") {
        event.preventDefault(); // it would empty a search field
        field.blur();
      }
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "Tab") {
      if (!event.shiftKey && event.target.closest(".hit .play") && tabbed()) event.preventDefault();
      return;
    }
    const name = Object.keys(map).find((each) => map[each] === key);
    if (document.getElementById("list").hidden && !["help", "search", "library", "toggle"].includes(name)) return;
    const pressed = event.target.closest("button, summary, a, input") && !event.target.closest(".play");
    if (!name || (pressed && (key === " " || key === "Enter"))) return;
    event.preventDefault();
    if (!event.repeat || HELD.includes(name)) actions[name]?.(event);
  });
}

/** The table in the help, in which keys are changed. */
export function table(body, reset) {
  const show = () => {
    body.replaceChildren(...Object.keys(map).map((name) => line(name, show)));
  };
  reset.onclick = () => {
    map = { ...OWN };
    localStorage.removeItem(KEPT);
    show();
  };
  show();
}

function line(name, show) {
  const row = document.createElement("tr");
  const button = document.createElement("button");
  button.textContent = shown(name);
  button.setAttribute("aria-label", `${say(`do.${name}`)}: ${shown(name)}`);
  button.onclick = () => {
    button.textContent = "…";
    button.onkeydown = (event) => {
      if (event.key === "Tab") return show(); // it moves the focus, and nothing else may
      event.preventDefault();
      event.stopPropagation();
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (["Shift", "Control", "Alt", "Meta"].includes(key)) return;
      const taken = Object.keys(map).find((each) => map[each] === key && each !== name);
      if (key !== "Escape") {
        if (taken) map[taken] = map[name];
        map[name] = key;
        localStorage.setItem(KEPT, JSON.stringify(map));
      }
      show();
      [...document.querySelectorAll("#keys button")][Object.keys(map).indexOf(name)].focus();
    };
  };
  const what = document.createElement("td");
  what.textContent = say(`do.${name}`);
  const key = document.createElement("td");
  key.append(button);
  row.append(key, what);
  return row;
}
