// The first page of a launch: with no worker there, one is started if there is room, else a person is asked.

import { ask, Refusal } from "./ask.js";
import * as dialogs from "./dialogs.js";
import { say } from "./notices.js";

const DIALOG = "/htmx/startup/";

async function question() {
  const { start_worker: room, prompt } = await ask("GET", "/api/startup/");
  if (room) {
    await begin();
  } else if (prompt === "insufficient_memory") {
    await inquire();
  }
}

async function begin() {
  try {
    const { worker_id: id } = await ask("POST", "/api/startup/", { choice: "start" });
    say(`Worker ${id} is starting: no worker was there, and there is room for one.`);
  } catch (error) {
    if (error instanceof Refusal && error.code === "insufficient_memory") {
      await inquire();
    } else if (!(error instanceof Refusal && error.code === "conflict")) {
      // A conflict is another window that was faster.
      throw error;
    }
  }
}

/** Ask in one window at a time: whoever holds the lock has the dialog. */
async function inquire() {
  if (navigator.locks === undefined) {
    await dialogs.open(DIALOG);
    return;
  }
  await navigator.locks.request("steelyard.startup", { ifAvailable: true }, async (lock) => {
    if (lock !== null && (await dialogs.open(DIALOG))) {
      await dialogs.closed();
    }
  });
}

/** Ask once, if this page is the one that asks. */
export async function start() {
  if (document.querySelector("[data-startup]") === null) {
    return;
  }
  try {
    await question();
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    say(error.message, "refused");
  }
}
