// A task's output: a window of it, text only, that follows the end or stands still where a person looks.

import { ask, Refusal } from "./ask.js";
import { formatSize } from "./quantities.js";
import { Search } from "./task_log_search.js";
import { plain, withoutMarks } from "./terminal.js";

const TAIL = 100_000;
/** Characters asked for at the end of the output. */
const WINDOW = 256 * 1024;
/** Bytes that the server sends from an offset on: one window. */
const MOST = 300_000;
/** Characters kept while following; what is older is a click away. */
const LONG = 50_000;
const GAP = 300;
/** Milliseconds between two drawings of an output of more than LONG characters. */
const CATCH_UP = 5000;

/** @type {Record<string, HTMLElement>} */
const parts = {};
let task = "";
let raw = "";
/** Bytes of output before `raw`, and up to its end. */
let first = 0;
let end = 0;
let size = 0;
let attempt = 0;
/** Whether the window ends where the output ends. */
let atEnd = true;
let busy = false;
/** Whether a refusal stands where the range stood. */
let failed = false;
/** @type {Search} */
let search;

/** @param {string} query */
async function get(query) {
  return ask("GET", `/api/tasks/${encodeURIComponent(task)}/log/?${query}`);
}

/** @param {() => Promise<void>} what */
async function once(what) {
  if (busy) {
    return;
  }
  busy = true;
  try {
    await what();
    if (failed) {
      failed = false;
      draw();
    }
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    failed = true;
    parts.range.textContent = error.message;
  } finally {
    busy = false;
  }
}

/** The end of the output, anew. */
async function latest() {
  const answer = await get(`tail=${TAIL}`);
  take(answer, answer.size);
  atEnd = true;
  draw();
  stick();
}

/**
 * @param {Record<string, any>} answer
 * @param {number} upTo
 */
function take(answer, upTo) {
  raw = answer.text;
  first = answer.offset;
  end = upTo;
  size = answer.size;
  attempt = answer.attempt;
}

/** @param {number} offset the window that begins here */
async function windowAt(offset) {
  const answer = await get(`offset=${Math.max(0, offset)}`);
  take(answer, answer.next ?? answer.size);
  atEnd = end >= size;
  draw();
  parts.text.scrollTop = 0;
}

/** What was written since the window's end. */
async function catchUp() {
  if (!atEnd) {
    return;
  }
  for (let more = true; more; ) {
    const answer = await get(`offset=${end}`);
    if (answer.attempt !== attempt || answer.size < end) {
      await latest();
      return;
    }
    more = answer.text !== "" && answer.offset >= end && answer.next > end;
    if (more) {
      append(answer.text, answer.next, Math.max(answer.size, answer.next));
      more = end < answer.size;
    }
  }
}

/**
 * @param {string} text
 * @param {number} upTo
 * @param {number} all
 */
function append(text, upTo, all) {
  const follow = isFollowing();
  raw += text;
  end = upTo;
  size = all;
  if (raw.length > MOST) {
    const cut = raw.indexOf("\n", raw.length - MOST / 2) + 1 || raw.length - MOST / 2;
    first += new TextEncoder().encode(raw.slice(0, cut)).length;
    raw = raw.slice(cut);
  }
  draw();
  if (follow) {
    stick();
  }
}

function followBox() {
  return /** @type {HTMLInputElement} */ (parts.follow);
}

function isFollowing() {
  return atEnd && followBox().checked;
}

function stick() {
  if (isFollowing()) {
    parts.text.scrollTop = parts.text.scrollHeight;
  }
}

let drawing = false;
let drawn = 0;

/** A short output at once; a long one a few times a second, for laying it out takes its time. */
function draw() {
  if (drawing) {
    return;
  }
  drawing = true;
  const pause = raw.length > LONG ? drawn + GAP - performance.now() : 0;
  setTimeout(() => {
    requestAnimationFrame(() => {
      drawing = false;
      const follow = isFollowing();
      show();
      if (follow) {
        stick();
      }
      drawn = performance.now();
    });
  }, pause);
}

function show() {
  const isMarked = /** @type {HTMLInputElement} */ (parts.marks).checked;
  const text = plain(isMarked ? raw : withoutMarks(raw));
  if (parts.text.textContent !== text) {
    // One text node: whatever a task prints, it is text.
    parts.text.textContent = text;
  }
  parts.text.classList.toggle("log-empty", text === "");
  parts.earlier.hidden = first === 0;
  parts.later.hidden = atEnd;
  parts.latest.hidden = atEnd;
  if (size === 0) {
    parts.range.textContent = "It has printed nothing yet.";
  } else if (first === 0 && atEnd) {
    parts.range.textContent = `All of it, ${formatSize(size)}, attempt ${attempt}`;
  } else {
    parts.range.textContent = `${formatSize(first)} to ${formatSize(end)} of ${formatSize(size)}, attempt ${attempt}`;
  }
  search.again();
}

/** @param {Record<string, any>} message */
function hear(message) {
  if (message.task_id !== task || busy) {
    return;
  }
  const bytes = new TextEncoder().encode(message.text).length;
  if (message.attempt !== attempt) {
    once(latest);
  } else if (!atEnd) {
    size = Math.max(size, message.offset + bytes);
    draw();
  } else if (message.offset === end) {
    append(message.text, end + bytes, Math.max(size, end + bytes));
  } else {
    once(catchUp);
  }
}

/** Begin, if the page has a log. */
export function start() {
  const card = document.getElementById("task-log");
  if (card === null) {
    return;
  }
  task = card.dataset.log ?? "";
  const names = { text: "log-text", follow: "log-follow", wrap: "log-wrap", range: "log-range" };
  Object.assign(names, {
    marks: "log-marks",
    earlier: "log-earlier",
    later: "log-later",
    latest: "log-latest",
  });
  for (const [name, id] of Object.entries(names)) {
    parts[name] = /** @type {HTMLElement} */ (document.getElementById(id));
  }
  search = new Search(parts.text, () => {
    followBox().checked = false;
  });
  parts.earlier.addEventListener("click", () => once(() => windowAt(first - WINDOW)));
  parts.later.addEventListener("click", () => once(() => windowAt(end)));
  parts.latest.addEventListener("click", () => {
    followBox().checked = true;
    once(latest);
  });
  parts.follow.addEventListener("change", () => {
    if (!atEnd) {
      once(latest);
    }
    stick();
  });
  parts.wrap.addEventListener("change", () => {
    parts.text.classList.toggle("log-unwrapped", !(/** @type {HTMLInputElement} */ (parts.wrap).checked));
    stick();
  });
  parts.marks.addEventListener("change", draw);
  parts.text.addEventListener("scroll", noticeScroll, { passive: true });
  document.addEventListener("steelyard:log", (event) => hear(/** @type {CustomEvent} */ (event).detail));
  document.addEventListener("steelyard:task", (event) => {
    if (/** @type {CustomEvent} */ (event).detail.task?.task_id === task) {
      once(catchUp);
    }
  });
  // The subscription may begin a moment after the first look: what fell between is fetched.
  setInterval(() => {
    const running = document.getElementById("task-now")?.dataset.state === "RUNNING";
    if (running && !document.hidden) {
      once(catchUp);
    }
  }, CATCH_UP);
  once(latest);
}

let lastTop = 0;

/** Who scrolls up wants to read; who scrolls back to the end wants to follow. */
function noticeScroll() {
  const { scrollTop, scrollHeight, clientHeight } = parts.text;
  const isUp = scrollTop < lastTop;
  lastTop = scrollTop;
  if (scrollHeight - scrollTop - clientHeight < 24) {
    followBox().checked = atEnd || followBox().checked;
  } else if (isUp) {
    followBox().checked = false;
  }
}
