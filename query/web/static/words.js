// The words of the page, in the language that the server chose.

const all = JSON.parse(document.getElementById("said").textContent);

export const lang = all.lang;

/** The sentence of a key; {names} in it are filled in. */
export function say(key, values = {}) {
  const text = key.split(".").reduce((at, part) => at?.[part], all) ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The sentence of so many: "1 sound", "2 sounds". */
export function counted(key, count) {
  const form = new Intl.PluralRules(lang).select(count) === "one" ? "one" : "other";
  return say(`${key}.${form}`, { count: count.toLocaleString(lang) });
}

export const number = (value, digits = 1) =>
  value.toLocaleString(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
