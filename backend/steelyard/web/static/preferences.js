// Preferences: only what was changed is sent; an emptied field goes back to its default (null).

import { ask, fragment, Refusal } from "./ask.js";
import { clearRefusals, numberOr, showAt, showRefusal } from "./forms.js";
import { say } from "./notices.js";

function form() {
  return /** @type {HTMLFormElement} */ (document.getElementById("preferences"));
}

/** @returns {Record<string, unknown>} key → its new value */
function changes() {
  /** @type {Record<string, unknown>} */
  const found = {};
  for (const element of form().querySelectorAll("[data-was]")) {
    const { name, value, dataset } = /** @type {HTMLInputElement} */ (element);
    if (value.trim() !== dataset.was) {
      found[name] = value.trim() === "" ? null : meant(dataset.kind ?? "", value.trim());
    }
  }
  return found;
}

/**
 * @param {string} kind
 * @param {string} text
 */
function meant(kind, text) {
  return kind === "boolean" ? text === "true" : kind === "integer" ? numberOr(text) : text;
}

function count() {
  const number = Object.keys(changes()).length;
  const words = document.getElementById("preferences-changed");
  if (words !== null) {
    words.textContent = number === 0 ? "" : `${number} ${number === 1 ? "change" : "changes"} not saved yet`;
  }
}

async function save() {
  const patch = changes();
  clearRefusals(form());
  if (Object.keys(patch).length === 0) {
    say("Nothing was changed.");
    return;
  }
  try {
    await ask("PATCH", "/api/preferences/", patch);
    document.getElementById("preferences-place")?.replaceChildren(...(await fragment("/htmx/preferences/")));
    say("Saved. It holds for workers that are started from now on.");
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    refused(error);
  }
}

/** @param {Refusal} error */
function refused(error) {
  const { locked } = error.detail;
  if (Array.isArray(locked)) {
    for (const key of locked) {
      showAt(form(), key, "The environment fixes this by now; change it there.");
    }
  } else {
    showRefusal(form(), error);
  }
}

document.addEventListener("submit", (event) => {
  if (event.target === form()) {
    event.preventDefault();
    save();
  }
});
document.addEventListener("input", count);
