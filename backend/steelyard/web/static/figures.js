// Figures that change every second are not refetched: they are written where they stand.

import { onBeat } from "./beat.js";
import { retime, timeElement } from "./moments.js";
import { formatPercent, formatSize } from "./quantities.js";

/**
 * @param {ParentNode} place
 * @param {string} name
 * @param {string} text
 */
function write(place, name, text) {
  for (const element of place.querySelectorAll(`[data-figure="${name}"]`)) {
    if (element.textContent !== text) {
      element.textContent = text;
    }
  }
}

/** @param {Record<string, any>} message of the topic "memory" */
function memory({ memory: machine, workers }) {
  write(document, "memory.percent", Number(machine.percent).toFixed(1));
  write(document, "memory.used", formatSize(machine.used));
  for (const bar of document.querySelectorAll('progress[data-figure="memory.bar"]')) {
    /** @type {HTMLProgressElement} */ (bar).value = machine.used;
  }
  for (const worker of workers ?? []) {
    const card = document.querySelector(`[data-worker="${CSS.escape(worker.worker_id)}"]`);
    if (card !== null) {
      write(card, "memory", formatSize(worker.memory));
      write(card, "cpu", `${Number(worker.cpu).toFixed(0)} %`);
      if (worker.heartbeat) {
        moment(card, "heartbeat", worker.heartbeat);
      }
    }
  }
}

/** @param {Record<string, any>} message of the topic "queue" */
function queue({ queue: counts }) {
  for (const [state, count] of Object.entries(counts)) {
    write(document, `queue.${state}`, String(count));
  }
}

/** @param {Record<string, any>} message of the topic "progress" */
function progress({ task_id, progress: fraction, message, eta, checkpoint_at }) {
  const places = document.querySelectorAll(`[data-task="${CSS.escape(task_id)}"]`);
  for (const place of /** @type {NodeListOf<HTMLElement>} */ (places)) {
    const known = typeof fraction === "number";
    for (const bar of place.querySelectorAll('progress[data-figure="progress"]')) {
      if (known) {
        /** @type {HTMLProgressElement} */ (bar).value = fraction;
      } else {
        bar.removeAttribute("value");
      }
    }
    write(place, "percent", known ? formatPercent(fraction) : (place.dataset.unknown ?? "–"));
    if (message) {
      write(place, "message", String(message).replace(/\s+/g, " ").slice(0, 160));
    }
    moment(place, "eta", eta);
    if (checkpoint_at) {
      moment(place, "checkpoint", checkpoint_at);
    }
  }
}

/**
 * @param {ParentNode} place
 * @param {string} name
 * @param {string | null} at ISO-8601
 */
function moment(place, name, at) {
  for (const element of place.querySelectorAll(`[data-figure="${name}"]`)) {
    const shown = element.firstChild;
    if (at && shown instanceof HTMLTimeElement && element.childNodes.length === 1) {
      retime(shown, at);
    } else {
      element.replaceChildren(at ? timeElement(at) : "–");
    }
  }
}

/** @type {Map<string, () => void>} What the next beat writes: the last message of each thing. */
const pending = new Map();

function flush() {
  for (const draw of pending.values()) {
    draw();
  }
  pending.clear();
}

/** Listen. */
export function start() {
  document.addEventListener("steelyard:queue", (event) => queue(/** @type {CustomEvent} */ (event).detail));
  document.addEventListener("steelyard:memory", (event) => {
    const message = /** @type {CustomEvent} */ (event).detail;
    pending.set("memory", () => memory(message));
  });
  document.addEventListener("steelyard:progress", (event) => {
    const message = /** @type {CustomEvent} */ (event).detail;
    pending.set(`task:${message.task_id}`, () => progress(message));
  });
  onBeat(flush);
}
