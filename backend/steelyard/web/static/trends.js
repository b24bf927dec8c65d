// The memory trend on each worker's card: an SVG line, drawn from the messages of the topic "memory".

import { ask } from "./ask.js";
import { onBeat } from "./beat.js";
import { formatSize } from "./quantities.js";

const WINDOW = 300;
/** Seconds that a trend shows, at one point a second. */
const WIDTH = 300;
const HEIGHT = 40;

/** @type {Map<string, [number, number][]>} worker id → [Unix seconds, bytes], oldest first */
const series = new Map();
/** @type {Set<string>} Workers whose trend was begun with what the server has measured before. */
const begun = new Set();

/** @param {Record<string, any>} message */
function add({ workers }) {
  const now = Date.now() / 1000;
  for (const { worker_id, memory } of workers ?? []) {
    const points = series.get(worker_id) ?? [];
    points.push([now, memory]);
    while (points[0][0] < now - WINDOW) {
      points.shift();
    }
    series.set(worker_id, points);
  }
}

/** Draw every trend on the page; forget those of workers that are not on it any more. */
function draw() {
  const shown = new Set();
  for (const place of document.querySelectorAll("[data-trend]")) {
    const id = place.getAttribute("data-trend") ?? "";
    shown.add(id);
    begin(id, place.getAttribute("data-trend-task") ?? "");
    line(place, id);
  }
  for (const id of series.keys()) {
    if (!shown.has(id)) {
      series.delete(id);
      begun.delete(id);
    }
  }
}

/**
 * @param {Element} place
 * @param {string} id
 */
function line(place, id) {
  const points = series.get(id) ?? [];
  if (points.length === 0) {
    return;
  }
  const now = points[points.length - 1][0];
  const most = Math.max(...points.map(([, memory]) => memory), 1);
  const path = points.map(([at, memory]) => {
    const x = WIDTH * (1 - (now - at) / WINDOW);
    const y = HEIGHT - 1 - ((HEIGHT - 3) * memory) / most;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  place.querySelector("polyline")?.setAttribute("points", path.join(" "));
  const text = `memory, last 5 min, at most ${formatSize(most)}`;
  const words = place.querySelector(".trend-text");
  if (words !== null && words.textContent !== text) {
    words.textContent = text;
    place.querySelector("svg")?.setAttribute("aria-label", `Memory of worker ${id}, ${text.slice(8)}`);
  }
}

/**
 * Begin a trend with what was measured before this page was opened.
 * @param {string} id
 * @param {string} task
 */
async function begin(id, task) {
  if (begun.has(id) || task === "") {
    return;
  }
  begun.add(id);
  try {
    const answer = await ask("GET", `/api/tasks/${encodeURIComponent(task)}/samples/`);
    const samples = Array.isArray(answer) ? answer : answer.samples;
    const points = series.get(id) ?? [];
    const first = points[0]?.[0] ?? Date.now() / 1000;
    /** @type {[number, number][]} */
    const earlier = samples
      .map((/** @type {any} */ sample) => [Date.parse(sample.at) / 1000, sample.memory])
      .filter((/** @type {[number, number]} */ [at]) => at < first && at > first - WINDOW);
    series.set(id, [...earlier, ...points]);
  } catch {
    // The trend then begins now.
  }
}

/** Listen. */
export function start() {
  document.addEventListener("steelyard:memory", (event) => add(/** @type {CustomEvent} */ (event).detail));
  document.addEventListener("htmx:afterSwap", draw);
  onBeat(draw);
}
