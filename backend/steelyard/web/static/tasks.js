// The list of tasks: a row that changes is refetched by itself (data-live); here, tasks that it does not show yet.

import { refresh } from "./live.js";

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
