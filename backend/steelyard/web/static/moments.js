// Relative times that tick, the exact local one on hover.

import { onBeat } from "./beat.js";
import { formatDuration } from "./quantities.js";

const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/**
 * "12 s ago", "in 3 min 5 s", "now".
 * @param {string} moment ISO-8601
 */
export function ago(moment) {
  const age = (Date.now() - Date.parse(moment)) / 1000;
  if (Number.isNaN(age)) {
    return "–";
  }
  if (age > -1 && age < 1) {
    return "now";
  }
  // From ten minutes on whole minutes: nobody needs a page full of running seconds.
  const step = Math.abs(age) < 600 ? 1 : 60;
  const text = formatDuration(Math.round(Math.abs(age) / step) * step);
  return age > 0 ? `${text} ago` : `in ${text}`;
}

/**
 * A `<time>` that ticks from now on.
 * @param {string} moment ISO-8601
 */
export function timeElement(moment) {
  const element = document.createElement("time");
  element.dateTime = moment;
  element.setAttribute("data-relative", "");
  show(element);
  return element;
}

/**
 * Let a `<time>` tell another moment: cheaper than a new one, of which every rule that asks `:has(time)` hears.
 * @param {HTMLTimeElement} element
 * @param {string} moment ISO-8601
 */
export function retime(element, moment) {
  if (element.dateTime !== moment) {
    element.dateTime = moment;
    element.title = "";
    show(element);
  }
}

/** @param {HTMLTimeElement} element */
function show(element) {
  const text = ago(element.dateTime);
  if (element.textContent !== text) {
    element.textContent = text;
  }
  if (element.title === "" || element.title === element.dateTime) {
    const at = new Date(element.dateTime);
    element.title = Number.isNaN(at.getTime()) ? element.dateTime : EXACT.format(at);
  }
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY_CLOCK = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const DATE_CLOCK = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const HOUR = 3600_000;
const WEEK = 6 * 86400_000;

/**
 * A moment to come, "in 12 min 5 s" within the hour, else on the clock of whoever looks: "03:40" today,
 * "Thu 03:40" this week, "12 Dec, 03:40" later.
 * @param {HTMLTimeElement} element
 */
function showClock(element) {
  const at = new Date(element.dateTime);
  if (Number.isNaN(at.getTime())) {
    return;
  }
  const away = Math.abs(at.getTime() - Date.now());
  const today = at.toDateString() === new Date().toDateString();
  const form = today ? CLOCK : away < WEEK ? DAY_CLOCK : DATE_CLOCK;
  const text = away < HOUR ? ago(element.dateTime) : form.format(at);
  if (element.textContent !== text) {
    element.textContent = text;
  }
  element.title = `${EXACT.format(at)}, ${ago(element.dateTime)}`;
}

/** Bring every relative time on the page up to date. */
export function tick() {
  for (const element of document.querySelectorAll("time[data-relative]")) {
    show(/** @type {HTMLTimeElement} */ (element));
  }
  for (const element of document.querySelectorAll("time[data-clock]")) {
    showClock(/** @type {HTMLTimeElement} */ (element));
  }
}

/** Let them tick. */
export function start() {
  tick();
  onBeat(tick);
  document.addEventListener("htmx:afterSwap", tick);
}
