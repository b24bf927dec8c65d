// From the text of a parameter's field to its JSON value, or to a list of values. No document here: values in,
// values out. What cannot be read is passed on as text: the server says what is wrong with it, at its field.

import { numberOr } from "./forms.js";

const RANGE = /^([^:]+):([^:]+):([^:]+)$/;
const MOST = 10_000;
/** Values of one parameter, and tasks of one request. */

/**
 * One value.
 * @param {string} kind as pages/submit_fields.py names them
 * @param {string} text
 * @returns {unknown} undefined: left out, the default holds
 */
export function oneOf(kind, text) {
  const bare = text.trim();
  switch (kind) {
    case "text":
      return text;
    case "number":
    case "integer":
      return bare === "" ? undefined : numberOr(text);
    case "lines":
      return bare === "" ? undefined : bare.startsWith("[") ? json(bare) : lines(text);
    case "variables":
      return bare.startsWith("{") ? json(bare) : Object.fromEntries(lines(text).filter(Boolean).map(pair));
    default:
      return bare === "" ? undefined : json(bare);
  }
}

/**
 * Several values: for numbers "100, 150" and "0:500:100" (first:last:step), for text one a line.
 * @param {string} kind
 * @param {string} text
 * @returns {unknown[]}
 */
export function valuesOf(kind, text) {
  if (kind === "text") {
    return lines(text).filter((line) => line !== "");
  }
  return text
    .split(/[,;\s]+/)
    .filter((word) => word !== "")
    .flatMap(series)
    .slice(0, MOST + 1);
}

/** @param {string} word */
function series(word) {
  const [, first, last, step] = (RANGE.exec(word) ?? []).map(numberOr);
  if (typeof first !== "number" || typeof last !== "number" || typeof step !== "number") {
    return [numberOr(word)];
  }
  const count = Math.floor((last - first) / step + 1e-9) + 1;
  if (!(count >= 1) || step === 0) {
    return [word];
  }
  // From the step's number and not by adding up, and without the noise of binary fractions: 0.3, not 0.30000000000000004.
  return Array.from({ length: Math.min(count, MOST + 1) }, (_, n) =>
    Number((first + n * step).toPrecision(12)),
  );
}

/** @param {string} text */
function lines(text) {
  const found = text.split(/\r?\n/);
  while (found.length > 0 && found[found.length - 1] === "") {
    found.pop();
  }
  return found;
}

/**
 * @param {string} line
 * @returns {[string, string | null]}
 */
function pair(line) {
  const at = line.indexOf("=");
  return at < 0 ? [line.trim(), null] : [line.slice(0, at).trim(), line.slice(at + 1)];
}

/** @param {string} text */
function json(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "number" ? numberOr(text) : value;
  } catch {
    return text;
  }
}

/**
 * What is to be submitted.
 * @param {Record<string, unknown>} base values that all tasks share
 * @param {Map<string, unknown[]>} varied
 * @param {"grid" | "rows"} combine
 * @returns {{count: number, trouble: string, sweep: Record<string, unknown> | null}}
 */
export function plan(base, varied, combine) {
  const lengths = [...varied.values()].map((values) => values.length);
  if (lengths.length === 0) {
    return { count: 1, trouble: "", sweep: null };
  }
  if (lengths.some((length) => length === 0)) {
    return { count: 0, trouble: "A parameter with several values has none yet.", sweep: null };
  }
  if (combine === "grid") {
    const count = lengths.reduce((product, length) => product * length, 1);
    return { count, trouble: tooMany(count), sweep: { base, grid: Object.fromEntries(varied) } };
  }
  if (new Set(lengths).size > 1) {
    const told = [...varied].map(([name, values]) => `${name} has ${values.length}`).join(", ");
    return { count: 0, trouble: `Line by line, each needs as many values: ${told}.`, sweep: null };
  }
  const rows = Array.from({ length: lengths[0] }, (_, n) =>
    Object.fromEntries([...varied].map(([name, values]) => [name, values[n]])),
  );
  return { count: lengths[0], trouble: tooMany(lengths[0]), sweep: { base, rows } };
}

/** @param {number} count */
function tooMany(count) {
  return count > MOST ? `At most ${MOST} tasks can be submitted at once.` : "";
}
