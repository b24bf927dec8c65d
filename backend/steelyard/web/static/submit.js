// The form of a simulation: how many tasks it makes is said before the button is pressed; one request sends it.

import { ask, fragment, Refusal } from "./ask.js";
import { clearRefusals, optionOf, showRefusal } from "./forms.js";
import { oneOf, plan, valuesOf } from "./submit_values.js";

const form = /** @type {HTMLFormElement} */ (document.getElementById("submit"));
const button = /** @type {HTMLButtonElement} */ (document.getElementById("submit-button"));
const force = /** @type {HTMLButtonElement} */ (document.getElementById("submit-force"));

/** @param {Element} field */
function isVaried(field) {
  return /** @type {HTMLInputElement | null} */ (field.querySelector("[data-vary]"))?.checked ?? false;
}

/** @param {HTMLElement} field */
function manyOf(field) {
  const place = /** @type {HTMLElement} */ (field.querySelector("[data-many]"));
  if (place instanceof HTMLTextAreaElement) {
    return valuesOf(field.dataset.kind ?? "", place.value);
  }
  const ticked = place.querySelectorAll("input:checked");
  return [...ticked].map((box) => JSON.parse(/** @type {HTMLInputElement} */ (box).value));
}

function read() {
  /** @type {Record<string, unknown>} */
  const base = {};
  /** @type {Map<string, unknown[]>} */
  const varied = new Map();
  for (const element of form.querySelectorAll("[data-parameter]")) {
    const field = /** @type {HTMLElement} */ (element);
    const name = field.dataset.field ?? "";
    if (isVaried(field)) {
      varied.set(name, manyOf(field));
    } else {
      const input = /** @type {HTMLInputElement} */ (field.querySelector("[data-one]"));
      const value = oneOf(field.dataset.kind ?? "", input.value);
      if (value !== undefined) {
        base[name] = value;
      }
    }
  }
  const combine = /** @type {RadioNodeList} */ (form.elements.namedItem("combine")).value;
  return { base, varied, ...plan(base, varied, combine === "rows" ? "rows" : "grid") };
}

function options() {
  /** @type {Record<string, unknown>} */
  const found = {};
  for (const element of form.querySelectorAll("[data-option]")) {
    const { value, dataset } = /** @type {HTMLInputElement} */ (element);
    const meant = dataset.kind === "moment" ? moment(value) : optionOf(dataset.kind ?? "", value);
    if (meant !== undefined && !(Array.isArray(meant) && meant.length === 0)) {
      found[dataset.option ?? ""] = meant;
    }
  }
  const { value } = /** @type {RadioNodeList} */ (form.elements.namedItem("priority"));
  const own = /** @type {HTMLInputElement} */ (document.getElementById("priority-number")).value;
  const priority = optionOf("integer", value === "own" ? own : value);
  return priority === undefined ? found : { ...found, priority };
}

/** @param {string} local of an input of type datetime-local */
function moment(local) {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** @param {number} count */
function tasks(count) {
  return `${count} ${count === 1 ? "task" : "tasks"}`;
}

/** Show which fields take several values, and how many tasks come of it. */
function show() {
  for (const field of form.querySelectorAll("[data-parameter]")) {
    const varied = isVaried(field);
    /** @type {HTMLElement} */ (field.querySelector("[data-one]")).hidden = varied;
    for (const place of field.querySelectorAll("[data-many], [data-many-hint]")) {
      /** @type {HTMLElement} */ (place).hidden = !varied;
    }
  }
  const { varied, count, trouble } = read();
  /** @type {HTMLElement} */ (document.getElementById("submit-combine")).hidden = varied.size < 2;
  const lengths = [...varied].map(([name, values]) => `${values.length} of ${name}`);
  const how = varied.size > 0 ? `: ${lengths.join(", ")}` : "";
  /** @type {HTMLElement} */ (document.getElementById("submit-count")).textContent =
    trouble || tasks(count) + how;
  button.textContent = count > 0 && !trouble ? `Submit ${tasks(count)}` : "Submit";
  clearTimeout(pause);
  pause = setTimeout(showUsual, PAUSE);
}

const PAUSE = 300;
/** Milliseconds without a key before it is asked what a run usually takes. */
const LONGEST = 900;
/** Characters of parameters that fit into an address; what is longer is not asked about. */
let asked = "";
/** @type {number | undefined} */
let pause;

/** @param {unknown[]} values @returns {unknown} the largest number, else the first */
function largest(values) {
  const numbers = values.filter((value) => typeof value === "number");
  return numbers.length > 0 ? Math.max(.../** @type {number[]} */ (numbers)) : values[0];
}

/** What a run of these values usually takes; of several tasks, one with the largest number of each parameter. */
async function showUsual() {
  const { base, varied, trouble } = read();
  const most = Object.fromEntries([...varied].map(([name, values]) => [name, largest(values)]));
  const query = new URLSearchParams({
    simulation: form.dataset.simulation ?? "",
    parameters: JSON.stringify({ ...base, ...most }),
  }).toString();
  if (query === asked || trouble || query.length > LONGEST) {
    return;
  }
  asked = query;
  const place = document.getElementById("submit-usual");
  try {
    const nodes = await fragment(`/htmx/usually/?${query}`);
    if (asked === query) {
      place?.replaceChildren(...nodes);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    // A hint that cannot be had is no trouble: the values are checked when they are submitted.
    place?.replaceChildren();
  }
}

/** @param {boolean} forced */
async function send(forced) {
  const { base, sweep, trouble } = read();
  clearRefusals(form);
  force.hidden = true;
  if (trouble) {
    showRefusal(form, new Refusal(0, "plan", trouble));
    return;
  }
  const body = { simulation: form.dataset.simulation, ...options(), ...(forced ? { force: true } : {}) };
  try {
    if (sweep === null) {
      const { task_id: id } = await ask("POST", "/api/tasks/", { ...body, parameters: base });
      location.assign(`/tasks/${id}/`);
    } else {
      const { sweep_id: id } = await ask("POST", "/api/sweeps/", { ...body, ...sweep });
      location.assign(`/sweeps/${id}/`);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    force.hidden = error.code !== "will_never_fit";
    showRefusal(form, error);
  }
}

/** @param {boolean} forced */
async function sendOnce(forced) {
  if (button.getAttribute("aria-busy") === "true") {
    return;
  }
  button.setAttribute("aria-busy", "true");
  try {
    await send(forced);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sendOnce(false);
});
force.addEventListener("click", () => sendOnce(true));
form.addEventListener("input", (event) => {
  if (/** @type {HTMLElement} */ (event.target).id === "priority-number") {
    /** @type {HTMLInputElement} */ (document.getElementById("priority-own")).checked = true;
  }
  show();
});
show();
