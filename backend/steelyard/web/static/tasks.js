// The list of tasks: a row that changes is refetched by itself (data-live); here, tasks that it does not show yet.

import { refusal } from "./ask.js";
import { refresh } from "./live.js";
import { say } from "./notices.js";

const GAP = 1000;
/** Milliseconds between two looks for new tasks: a sweep of ten thousand is one message a task. */

let last = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

function look() {
  timer = undefined;
  last = performance.now();
  const list = document.getElementById("tasks-list");
  if (list !== null) {
    refresh(list);
  }
}

/** @param {Element} field */
function isChanged(field) {
  if (field instanceof HTMLSelectElement) {
    const stated = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
    return field.value !== stated?.value;
  }
  return field instanceof HTMLInputElement && field.value !== field.defaultValue;
}

// What was asked for before a filter was changed may be answered after it: then nobody wants it any more.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  const list = document.getElementById("tasks-list");
  if (detail.requestConfig.elt === list && detail.requestConfig.path !== list?.getAttribute("hx-get")) {
    detail.shouldSwap = false;
  }
});
// A filter that is refused leaves the list as it was, which would read as its answer.
document.addEventListener("htmx:responseError", async (event) => {
  const { elt, xhr } = /** @type {CustomEvent} */ (event).detail;
  if (elt?.id === "tasks-filters") {
    say((await refusal(new Response(xhr.responseText, { status: xhr.status }))).message, "refused");
  }
});
// What was typed before the scripts were there, or what a browser has put back into the fields, nobody has heard of.
addEventListener("load", () => {
  const form = /** @type {HTMLFormElement | null} */ (document.getElementById("tasks-filters"));
  const fields = form === null ? [] : [...form.querySelectorAll("input, select")];
  if (fields.some(isChanged)) {
    form?.dispatchEvent(new Event("input", { bubbles: true }));
  }
});
document.addEventListener("steelyard:task", (event) => {
  const { task } = /** @type {CustomEvent} */ (event).detail;
  const list = document.getElementById("tasks-list");
  // Older pages stand still: what is new belongs to the first.
  if (timer !== undefined || list?.dataset.newest !== "yes") {
    return;
  }
  if (document.getElementById(`task-${task.task_id}`) === null) {
    timer = setTimeout(look, Math.max(0, last + GAP - performance.now()));
  }
});
