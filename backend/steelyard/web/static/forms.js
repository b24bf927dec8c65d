// Forms that become one JSON request, and show at its field what the server refuses.
//   <form data-send="PATCH" data-to="/api/..." data-said="Changed.">
//   <div class="field" data-field="memory"><input name="memory" data-kind="quantity"> ...
// data-kind says what JSON the text becomes: text, integer, number, quantity (text; empty is left out), words
// (a list, by commas). The server judges all of it; nothing is judged twice.

import { ask, Refusal } from "./ask.js";
import * as dialogs from "./dialogs.js";
import { refreshAll } from "./live.js";
import { say } from "./notices.js";

const WHOLE = /^[+-]?\d+$/;
const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;

/**
 * Text as a number where it is one; else as it is, so that the server says what is wrong with it. A whole number
 * of more than 15 digits is none here: JavaScript would send another one.
 * @param {string} text
 */
export function numberOr(text) {
  const plain = text.trim().replace("−", "-");
  const number = Number(plain);
  const isExact = Number.isFinite(number) && (Number.isSafeInteger(number) || !WHOLE.test(plain));
  return NUMBER.test(plain) && isExact ? number : text.trim();
}

/**
 * @param {string} kind
 * @param {string} text
 * @returns {unknown} undefined: leave the field out
 */
export function optionOf(kind, text) {
  if (kind === "text") {
    return text;
  }
  if (kind === "words") {
    return text.split(",").flatMap((word) => word.trim() || []);
  }
  return text.trim() === "" ? undefined : kind === "quantity" ? text.trim() : numberOr(text);
}

/**
 * Show, at each field, what was refused; what has no field of its own, above the form. The first is focused.
 * @param {HTMLFormElement} form
 * @param {Refusal} refusal
 */
export function showRefusal(form, refusal) {
  /** @type {{path: string, message: string}[]} */
  const errors = refusal.detail.errors ?? [
    {
      path: refusal.detail.field ?? (refusal.code === "will_never_fit" ? "memory" : ""),
      // Of a sweep: to whoever filled in one form it is no matter which of its tasks was looked at first.
      message: refusal.message.replace(/^Task \d+ of the request: /, ""),
    },
  ];
  /** @type {string[]} */
  const homeless = [];
  for (const { path, message } of errors) {
    if (!showAt(form, path, message)) {
      homeless.push(path && !message.includes(path) ? `${path}: ${message}` : message);
    }
  }
  const trouble = form.querySelector(".form-trouble");
  if (trouble instanceof HTMLElement && homeless.length > 0) {
    trouble.textContent = homeless.join(" ");
    trouble.hidden = false;
  }
  const first = form.querySelector("[aria-invalid='true']");
  if (first instanceof HTMLElement) {
    first.focus();
  } else if (trouble instanceof HTMLElement) {
    trouble.scrollIntoView({ block: "nearest" });
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {string} path as the API names a place: name.0.name
 * @param {string} message
 */
export function showAt(form, path, message) {
  const name = path.split(/[.[]/)[0];
  const field = name === "" ? null : form.querySelector(`[data-field="${CSS.escape(name)}"]`);
  if (field === null) {
    return false;
  }
  field.closest("details")?.setAttribute("open", "");
  const input = inputOf(field);
  const words = document.createElement("p");
  words.className = "form-error";
  words.id = `${form.id || "form"}-${name}-error`;
  words.textContent = told(path, name, message);
  field.append(words);
  input?.setAttribute("aria-invalid", "true");
  if (input !== null) {
    // Not aria-errormessage, which few readers read out.
    const described = input.getAttribute("aria-describedby") ?? "";
    input.setAttribute("data-described", described);
    input.setAttribute("aria-describedby", `${words.id} ${described}`.trim());
  }
  return true;
}

/**
 * The message as it reads at its field: the field's name is not said twice, a place within its value is.
 * @param {string} path
 * @param {string} name
 * @param {string} message
 */
function told(path, name, message) {
  const bare = message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
  return path === name || message.startsWith(path) ? bare : `${path}: ${message}`;
}

/**
 * The input of a field that a person sees and types into.
 * @param {Element} field
 */
function inputOf(field) {
  const inputs = [...field.querySelectorAll("input:not([data-vary]), select, textarea")];
  return inputs.find((input) => /** @type {HTMLElement} */ (input).offsetParent !== null) ?? null;
}

/** @param {HTMLFormElement} form */
export function clearRefusals(form) {
  for (const words of form.querySelectorAll(".form-error")) {
    words.remove();
  }
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    if (input.hasAttribute("data-described")) {
      const described = input.getAttribute("data-described") ?? "";
      input.toggleAttribute("aria-describedby", described !== "");
      if (described !== "") {
        input.setAttribute("aria-describedby", described);
      }
      input.removeAttribute("data-described");
    }
  }
  const trouble = form.querySelector(".form-trouble");
  if (trouble instanceof HTMLElement) {
    trouble.hidden = true;
  }
}

/** @param {HTMLFormElement} form */
async function send(form) {
  /** @type {Record<string, unknown>} */
  const body = {};
  for (const input of form.querySelectorAll("[name][data-kind]")) {
    const { name, value, dataset } = /** @type {HTMLInputElement} */ (input);
    const meant = optionOf(dataset.kind ?? "text", value);
    if (meant !== undefined) {
      body[name] = meant;
    }
  }
  clearRefusals(form);
  try {
    await ask(form.dataset.send ?? "POST", form.dataset.to ?? "", body);
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    showRefusal(form, error);
    return;
  }
  if (form.closest("dialog") !== null) {
    dialogs.close();
  }
  say(form.dataset.said ?? "Done.");
  refreshAll();
}

/** Listen to every such form that there is or will be. */
export function start() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form instanceof HTMLFormElement && form.dataset.send !== undefined) {
      event.preventDefault();
      send(form);
    }
  });
  document.addEventListener("click", (event) => {
    if (/** @type {Element} */ (event.target).closest("[data-close]") !== null) {
      dialogs.close();
    }
  });
}
