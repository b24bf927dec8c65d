// What keeps a page up to date. A template says, per element, what concerns it:
//   data-live="worker:3f9a1c20 task"  refetch (hx-get, hx-trigger="live") on changes of that worker, of any task
//   data-live="worker:+"              on changes of a worker for which nothing on the page stands yet
//   data-live-every="15"              and, besides, every so many seconds (for what no event tells)
//   data-wants="memory queue log:ID"  topics that are subscribed while the element can be seen
// Every message is also an event of the document, "steelyard:<type>", for modules that draw from it directly.
// Nothing is asked for an element in a folded section, or while the page is hidden; it is made up for later.

import { Connection } from "./connection.js";

const GAP = 150;
/** Milliseconds between two refetches of one element in a storm of events; the first is never delayed. */
const PATIENCE = 10_000;

/** @typedef {{busy: boolean, again: boolean, since: number, ended: number, timer?: number}} Fetching */

/** @type {WeakMap<Element, Fetching>} */
const fetching = new WeakMap();
/** @type {WeakSet<Element>} Elements that have missed a change while nobody could see them. */
const stale = new WeakSet();
/** @type {Connection} */
let connection;

/** @returns {any} */
function htmx() {
  return /** @type {any} */ (window).htmx;
}

/**
 * Whether a person can see it: the page is shown and no section around it is folded.
 * @param {Element} element
 */
export function isSeen(element) {
  return !document.hidden && element.closest("details[data-remember]:not([open])") === null;
}

/** Whether a request has a chance: as far as is known the server is there, and lets this page in. */
export function isReachable() {
  return connection.state !== "stopped" && connection.state !== "foreign";
}

/**
 * What a stored message concerns: its type, the thing itself, and what belongs to it.
 * @param {Record<string, any>} message
 */
function keysOf(message) {
  const keys = new Set([message.type]);
  const thing = message[message.type] ?? {};
  if (message.type === "worker") {
    keys.add(`worker:${thing.worker_id}`);
  } else if (message.type === "task") {
    keys.add(`task:${thing.task_id}`);
    if (thing.worker_id) {
      keys.add(`worker:${thing.worker_id}`);
    }
    if (thing.sweep_id) {
      keys.add(`sweep:${thing.sweep_id}`);
    }
  }
  const id = thing[`${message.type}_id`];
  if (id && document.querySelector(`[data-live~="${CSS.escape(`${message.type}:${id}`)}"]`) === null) {
    keys.add(`${message.type}:+`);
  }
  return keys;
}

/** @param {Set<string>} keys */
function touch(keys) {
  for (const element of document.querySelectorAll("[data-live]")) {
    const concerns = element.getAttribute("data-live")?.split(/\s+/) ?? [];
    if (concerns.some((key) => keys.has(key))) {
      refresh(element);
    }
  }
}

/**
 * Refetch an element soon: at once, or once more after the fetch that is under way.
 * @param {Element} element
 */
export function refresh(element) {
  if (!isSeen(element) || !isReachable()) {
    stale.add(element);
    return;
  }
  if (htmx() === undefined || !element.hasAttribute("hx-get")) {
    return;
  }
  const state = fetching.get(element) ?? { busy: false, again: false, since: 0, ended: 0 };
  fetching.set(element, state);
  const now = performance.now();
  if (state.busy && now - state.since < PATIENCE) {
    state.again = true;
  } else if (now - state.ended < GAP) {
    state.timer ??= setTimeout(() => {
      state.timer = undefined;
      refresh(element);
    }, GAP);
  } else {
    stale.delete(element);
    Object.assign(state, { busy: true, again: false, since: now });
    htmx().trigger(element, "live");
  }
}

/** @param {Event} event */
function fetched(event) {
  const element = /** @type {Element} */ (event.target);
  const state = fetching.get(element);
  if (state === undefined) {
    return;
  }
  Object.assign(state, { busy: false, ended: performance.now() });
  if (state.again && element.isConnected) {
    refresh(element);
  }
  const { xhr } = /** @type {CustomEvent} */ (event).detail;
  if (xhr?.status === 204) {
    // It is off its list: the list knows.
    const list = element.parentElement?.closest("[data-live]");
    if (list) {
      refresh(list);
    }
  }
}

/** Refetch all that can be seen; the outermost only, for it brings what is inside. */
export function refreshAll() {
  for (const element of document.querySelectorAll("[data-live]")) {
    if (!element.parentElement?.closest("[data-live]")) {
      refresh(element);
    }
  }
}

/** Make up for what was missed while nobody looked, and subscribe to what can be seen now. */
function look() {
  for (const element of document.querySelectorAll("[data-live]")) {
    if (stale.has(element) && isSeen(element)) {
      refresh(element);
    }
  }
  const topics = new Set();
  for (const element of document.querySelectorAll("[data-wants]")) {
    if (isSeen(element)) {
      for (const topic of element.getAttribute("data-wants")?.split(/\s+/) ?? []) {
        topics.add(topic);
      }
    }
  }
  topics.delete("");
  connection.want(topics);
}

/** What no event tells (a worker that stalls, room that appears) is asked for now and then. */
function nowAndThen() {
  if (connection.state !== "live") {
    return;
  }
  for (const element of document.querySelectorAll("[data-live-every]")) {
    const state = fetching.get(element);
    const age = performance.now() - (state?.since ?? 0);
    if (isSeen(element) && age >= 1000 * Number(element.getAttribute("data-live-every"))) {
      refresh(element);
    }
  }
}

const WORDS = {
  connecting: "connecting",
  live: "live",
  reconnecting: "reconnecting",
  stopped: "stopped",
  foreign: "signed out",
};

/** @type {Record<string, string>} */
const OUTAGES = {
  stopped:
    "Steelyard has stopped. Start it again: this page goes on by itself when it is back. If it was started " +
    "in a terminal, open the new sign-in link that it prints.",
  foreign:
    "Steelyard was started anew, and this page belongs to the earlier run. Open the new sign-in link; this " +
    "page then goes on by itself.",
};

/** @param {import("./connection.js").State} state */
function showState(state) {
  const place = document.getElementById("connection");
  const word = document.getElementById("connection-word");
  const outage = document.getElementById("outage");
  if (place === null || word === null || outage === null) {
    return;
  }
  place.dataset.state = state;
  word.textContent = WORDS[state];
  outage.textContent = OUTAGES[state] ?? "";
  outage.hidden = !(state in OUTAGES);
}

/** Keep what a person does to the page, through every swap: open details, and what a script draws. */
function keepThroughSwaps() {
  const morph = /** @type {any} */ (window).Idiomorph;
  if (morph === undefined) {
    return;
  }
  Object.assign(morph.defaults.callbacks, {
    /** @param {string} name @param {Element} element */
    beforeAttributeUpdated: (name, element) =>
      !(name === "open" && element instanceof HTMLDetailsElement) && name !== "aria-busy",
    /** @param {Node} before @param {Node} after */
    beforeNodeMorphed: (before, after) => {
      if (!(before instanceof Element && after instanceof Element && before.hasAttribute("data-keep"))) {
        return true;
      }
      for (const { name, value } of after.attributes) {
        before.setAttribute(name, value);
      }
      return false;
    },
  });
}

/** Begin. */
export function start() {
  keepThroughSwaps();
  connection = new Connection(Number(document.documentElement.dataset.seq ?? 0));
  connection.addEventListener("state", (event) => showState(/** @type {CustomEvent} */ (event).detail));
  connection.addEventListener("back", refreshAll);
  connection.addEventListener("poll", refreshAll);
  connection.addEventListener("message", (event) => {
    const message = /** @type {CustomEvent} */ (event).detail;
    document.dispatchEvent(new CustomEvent(`steelyard:${message.type}`, { detail: message }));
    if (message.type === "snapshot") {
      refreshAll();
    } else if (message.type === "worker" || message.type === "task") {
      touch(keysOf(message));
    }
  });
  document.addEventListener("htmx:afterRequest", fetched);
  document.addEventListener("htmx:afterSettle", look);
  document.addEventListener("toggle", look, true);
  document.addEventListener("visibilitychange", () => {
    connection.sleep(document.hidden);
    look();
  });
  setInterval(nowAndThen, 1000);
  showState("connecting");
  connection.open();
  look();
}
