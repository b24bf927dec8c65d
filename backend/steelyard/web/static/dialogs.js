// The one <dialog> of a page, filled with a fragment of the server.

import { fragment, Refusal } from "./ask.js";
import { tick } from "./moments.js";
import { say } from "./notices.js";

/** @returns {HTMLDialogElement} */
export function dialog() {
  return /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));
}

/**
 * Show the fragment at `path` as a dialog; resolves to whether it is open.
 * @param {string} path
 */
export async function open(path) {
  const box = dialog();
  try {
    box.replaceChildren(...(await fragment(path)));
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    box.close();
    say(error.message, "refused");
    return false;
  }
  tick();
  if (!box.open) {
    box.showModal();
  }
  const first = box.querySelector("[autofocus]");
  if (first instanceof HTMLElement) {
    first.focus();
  }
  const log = box.querySelector("pre.log");
  if (log !== null) {
    log.scrollTop = log.scrollHeight;
  }
  return true;
}

/** Close it; the browser gives the focus back to what opened it. */
export function close() {
  dialog().close();
}

/** Resolves when the open dialog has been closed, however. */
export function closed() {
  const box = dialog();
  return new Promise((resolve) => {
    if (box.open) {
      box.addEventListener("close", resolve, { once: true });
    } else {
      resolve(undefined);
    }
  });
}
