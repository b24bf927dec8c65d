// Memory and CPU of a task over time, drawn by uPlot; the same in words for whoever does not see it.

import { ask, Refusal } from "./ask.js";
import { isSeen } from "./live.js";
import { formatDuration, formatSize } from "./quantities.js";

const HEIGHT = 220;
/** Seconds, round in minutes, hours and days. */
const TIME_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
];
TIME_STEPS.push(...[2, 5, 10, 20, 50, 100].map((days) => days * 86400));
/** Bytes, round in KiB, MiB and GiB. */
const SIZE_STEPS = Array.from({ length: 36 }, (_, power) => 2 ** (power + 10));
const EVERY = 5000;
/** Milliseconds between two looks at the samples of a running task. */

/** @type {any} */
let plot = null;
/** @type {[number[], (number | null)[], (number | null)[]]} Unix seconds, bytes, per cent of one core */
let data = [[], [], []];

/** @returns {HTMLElement | null} */
function place() {
  return document.getElementById("task-chart");
}

/** @param {string} name of a custom property */
function colour(name) {
  return getComputedStyle(document.body).getPropertyValue(name).trim() || "#777";
}

async function load() {
  const box = place();
  if (box === null) {
    return;
  }
  try {
    const { samples } = await ask(
      "GET",
      `/api/tasks/${encodeURIComponent(box.dataset.chart ?? "")}/samples/`,
    );
    data = [[], [], []];
    let attempt = null;
    for (const sample of samples) {
      const at = Date.parse(sample.at) / 1000;
      if (attempt !== null && sample.attempt !== attempt) {
        add(at - 0.001, null, null);
      }
      attempt = sample.attempt;
      add(at, sample.memory, sample.cpu);
    }
    draw();
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
  }
}

/**
 * @param {number} at
 * @param {number | null} memory
 * @param {number | null} cpu
 */
function add(at, memory, cpu) {
  if (data[0].length === 0 || at > data[0][data[0].length - 1]) {
    data[0].push(at);
    data[1].push(memory);
    data[2].push(cpu);
  }
}

function draw() {
  const box = place();
  if (box === null || data[0].length === 0) {
    return;
  }
  describe(box);
  const UPlot = /** @type {any} */ (window).uPlot;
  if (UPlot === undefined) {
    return;
  }
  if (plot === null) {
    plot = new UPlot(options(box), data, box);
    plot.root.setAttribute("aria-hidden", "true");
  } else {
    plot.setData(data);
  }
}

/** @param {HTMLElement} box */
function describe(box) {
  const peak = Math.max(...data[1].map((value) => value ?? 0));
  const cpu = data[2].filter((value) => value !== null);
  const mean = cpu.reduce((sum, value) => sum + (value ?? 0), 0) / Math.max(1, cpu.length);
  const claim = Number(box.dataset.claim);
  const words = document.getElementById("chart-text");
  if (words !== null) {
    const claimed = claim > 0 ? ` of ${formatSize(claim)} claimed` : "";
    words.textContent = `At most ${formatSize(peak)}${claimed}; on average ${mean.toFixed(0)} % of one core.`;
  }
}

/** @typedef {(plot: unknown, values: (number | null)[]) => string[]} Words */

/** @param {HTMLElement} box */
function options(box) {
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--chart-grid"), width: 1 } };
  const began = data[0][0];
  /** @type {Words} */
  const times = (_, values) => values.map((at) => formatDuration(Math.max(0, (at ?? 0) - began)));
  /** @type {Words} */
  const sizes = (_, values) => values.map((value) => formatSize(value));
  /** @type {Words} */
  const shares = (_, values) => values.map((value) => percent(value));
  return {
    width: box.clientWidth,
    height: HEIGHT,
    cursor: { y: false },
    scales: {
      x: { time: false },
      bytes: {
        range: (/** @type {any} */ _, /** @type {any} */ __, /** @type {number} */ most) => [
          0,
          1.1 * (most || 1),
        ],
      },
      cpu: {
        range: (/** @type {any} */ _, /** @type {any} */ __, /** @type {number} */ most) => [
          0,
          Math.max(100, 1.1 * most),
        ],
      },
    },
    axes: [
      {
        ...axis,
        values: times,
        incrs: TIME_STEPS,
        splits: (
          /** @type {any} */ _,
          /** @type {number} */ __,
          /** @type {number} */ low,
          /** @type {number} */ high,
          /** @type {number} */ step,
        ) => steps(began, low, high, step),
        space: 80,
      },
      { ...axis, scale: "bytes", values: sizes, size: 76, incrs: SIZE_STEPS },
      { ...axis, scale: "cpu", side: 1, size: 60, grid: { show: false }, values: shares },
    ],
    series: [
      {
        label: "After",
        value: (/** @type {any} */ _, /** @type {number | null} */ at) =>
          at ? formatDuration(Math.max(0, at - began)) : "–",
      },
      {
        label: "Memory",
        scale: "bytes",
        stroke: colour("--trend"),
        width: 2,
        value: (/** @type {any} */ _, /** @type {number | null} */ v) => formatSize(v),
      },
      {
        label: "CPU",
        scale: "cpu",
        stroke: colour("--chart-cpu"),
        width: 1,
        dash: [4, 3],
        value: (/** @type {any} */ _, /** @type {number | null} */ v) => percent(v),
      },
    ],
  };
}

/** @param {number | null | undefined} value per cent of one core */
function percent(value) {
  return value === null || value === undefined ? "–" : `${value.toFixed(0)} %`;
}

/**
 * Where the time axis is marked: round durations since the first sample.
 * @param {number} began
 * @param {number} low
 * @param {number} high
 * @param {number} step
 */
function steps(began, low, high, step) {
  const marks = [];
  for (let at = began + Math.ceil((low - began) / step) * step; at <= high; at += step) {
    marks.push(at);
  }
  return marks;
}

/** Begin, if the page has a chart. */
export function start() {
  if (place() === null) {
    return;
  }
  setInterval(() => {
    const running = document.getElementById("task-now")?.dataset.state === "RUNNING";
    const box = place();
    if (running && box !== null && isSeen(box)) {
      load();
    }
  }, EVERY);
  document.addEventListener("steelyard:task", (event) => {
    if (/** @type {CustomEvent} */ (event).detail.task?.task_id === place()?.dataset.chart) {
      load();
    }
  });
  new ResizeObserver(() => {
    const box = place();
    if (box !== null && box.clientWidth > 0) {
      plot?.setSize({ width: box.clientWidth, height: HEIGHT });
    }
  }).observe(/** @type {HTMLElement} */ (place()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    plot?.destroy();
    plot = null;
    requestAnimationFrame(draw);
  });
  load();
}
