// Waveforms, drawn from the peaks that the library keeps.

/** Pairs (lowest, highest) of int8. */
export function pairs(base64) {
  return Int8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
}

/** Draws into a canvas. `marks`: shares 0..1 of the width: moment [a, b], region [a, b], at. */
export function draw(canvas, peaks, marks = {}) {
  const scale = devicePixelRatio || 1;
  const wide = Math.round(canvas.clientWidth * scale);
  const high = Math.round(canvas.clientHeight * scale);
  if (!wide || !high) return;
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name);
  pen.clearRect(0, 0, wide, high);
  shade(pen, marks.region, wide, high, colour("--warm"), 0.22);
  const bars = Math.min(wide, Math.floor(wide / Math.max(1, scale)));
  const count = peaks.length / 2;
  const paths = { "--text": new Path2D(), "--accent": new Path2D(), "--dim": new Path2D() };
  for (let bar = 0; bar < bars && count; bar++) {
    const [low, top] = extent(peaks, count, bar / bars, (bar + 1) / bars);
    const share = (bar + 0.5) / bars;
    const inside = marks.moment && share >= marks.moment[0] && share <= marks.moment[1];
    const path = paths[marks.at !== undefined && share < marks.at ? "--text" : inside ? "--accent" : "--dim"];
    const y = ((127 - top) / 254) * high;
    path.rect((bar * wide) / bars, y, wide / bars, Math.max(scale, ((top - low) / 254) * high));
  }
  for (const [name, path] of Object.entries(paths)) { // a colour is looked up once, not for each bar
    pen.fillStyle = colour(name);
    pen.fill(path);
  }
  if (marks.moment) {
    pen.fillStyle = colour("--accent");
    const width = Math.max(2 * scale, (marks.moment[1] - marks.moment[0]) * wide);
    pen.fillRect(marks.moment[0] * wide, high - 2 * scale, width, 2 * scale);
  }
  if (marks.at !== undefined) {
    pen.fillStyle = colour("--warm");
    pen.fillRect(marks.at * wide, 0, 2 * scale, high);
  }
}

function shade(pen, region, wide, high, colour, strength) {
  if (!region) return;
  pen.globalAlpha = strength;
  pen.fillStyle = colour;
  pen.fillRect(region[0] * wide, 0, Math.max(1, (region[1] - region[0]) * wide), high);
  pen.globalAlpha = 1;
}

function extent(peaks, count, from, to) {
  const first = Math.min(count - 1, Math.floor(from * count));
  const last = Math.max(first + 1, Math.min(count, Math.ceil(to * count)));
  let low = 127;
  let top = -127;
  for (let place = first; place < last; place++) {
    low = Math.min(low, peaks[2 * place]);
    top = Math.max(top, peaks[2 * place + 1]);
  }
  return [low, top];
}
