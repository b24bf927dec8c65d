// Buttons. What one does stands in its attributes, so that templates alone say what a page can do:
//   data-post="/api/..."      POST there; data-body='{"json": true}' is the body
//   data-said="Worker {worker_id} ..."  what to tell afterwards, with fields of the answer
//   data-then-dialog="/htmx/..."        the dialog to show afterwards
//   data-may-force            a refusal for want of memory or cores opens the dialog that offers to force it
//   data-dialog="/htmx/..."   show that dialog
//   data-refresh              ask for everything on the page again

import { ask, Refusal } from "./ask.js";
import * as dialogs from "./dialogs.js";
import { isReachable, refreshAll } from "./live.js";
import { say } from "./notices.js";

/** @type {Record<string, (detail: Record<string, any>) => string>} */
const FORCE_DIALOGS = {
  insufficient_memory: ({ need, headroom }) =>
    `/htmx/workers/insufficient-memory/?need=${whole(need)}&headroom=${whole(headroom)}`,
  no_cores: ({ cores }) => `/htmx/workers/no-cores/?cores=${whole(cores)}`,
};

/** @param {unknown} figure */
function whole(figure) {
  return Math.max(0, Math.round(Number(figure) || 0));
}

/**
 * @param {string} sentence
 * @param {Record<string, any>} answer
 */
function filled(sentence, answer) {
  return sentence.replace(/\{(\w+)\}/g, (_, name) => String(answer[name] ?? ""));
}

/** @param {HTMLElement} button */
async function post(button) {
  const { post: path = "", body, said, thenDialog } = button.dataset;
  const inDialog = button.closest("dialog") !== null;
  try {
    const answer = await ask("POST", path, body ? JSON.parse(body) : null);
    if (thenDialog) {
      await dialogs.open(thenDialog);
    } else if (inDialog) {
      dialogs.close();
    }
    if (said) {
      say(filled(said, answer));
    }
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    const force = "mayForce" in button.dataset ? FORCE_DIALOGS[error.code] : undefined;
    if (force) {
      await dialogs.open(force(error.detail));
      return;
    }
    if (inDialog) {
      dialogs.close();
    }
    say(error.message, "refused");
  }
  // Not every change is an event: what was taken off the list is not.
  refreshAll();
}

/** @param {HTMLElement} button */
async function act(button) {
  // Never disabled, but a second click does not do it twice while the first one is under way.
  if (button.getAttribute("aria-busy") === "true") {
    return;
  }
  button.setAttribute("aria-busy", "true");
  try {
    if (button.dataset.post !== undefined) {
      await post(button);
    } else if (button.dataset.dialog !== undefined) {
      await dialogs.open(button.dataset.dialog);
    } else if (isReachable()) {
      refreshAll();
    } else {
      say("There is nothing new: Steelyard does not answer.", "refused");
    }
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** Listen to every button that there is or will be. */
export function start() {
  document.addEventListener("click", (event) => {
    const target = /** @type {Element} */ (event.target);
    const button = target.closest("[data-post], [data-dialog], [data-refresh]");
    if (button instanceof HTMLElement) {
      act(button);
    }
    for (const open of document.querySelectorAll("details.explain[open]")) {
      if (!open.contains(target)) {
        open.removeAttribute("open");
      }
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const open of document.querySelectorAll("details.explain[open]")) {
        open.removeAttribute("open");
        if (open.contains(document.activeElement)) {
          open.querySelector("summary")?.focus();
        }
      }
    }
  });
}
