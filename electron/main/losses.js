// What an end now would lose, in words, made of the workers' status. Pure.

/** More than that many tasks are not named one by one. */
const NAMED = 5;

const UNITS = /** @type {const} */ ([
  ["d", 86_400, "h", 3_600],
  ["h", 3_600, "min", 60],
  ["min", 60, "s", 1],
]);

/** @typedef {{simulation: string, label: string, checkpoint_at: string | null, unsaved: number}} Task */

/**
 * A line for each running task, the one that loses most first.
 * @param {{workers: {task: Task | null}[]}} status GET /api/workers/status/
 * @returns {string[]}
 */
function losses({ workers }) {
  const tasks = workers.flatMap(({ task }) => (task === null ? [] : [task]));
  const sorted = tasks.sort((one, other) => other.unsaved - one.unsaved);
  const lines = sorted.slice(0, NAMED).map(line);
  const rest = sorted.slice(NAMED);
  if (rest.length > 0) {
    const sum = rest.reduce((total, task) => total + task.unsaved, 0);
    lines.push(`${rest.length} more: ${inWords(sum)} in all`);
  }
  return lines;
}

/** @param {Task} task */
function line({ simulation, label, checkpoint_at, unsaved }) {
  const since = checkpoint_at === null ? "its start; it has no checkpoint" : "its last checkpoint";
  return `${(label || simulation).slice(0, 60)}: ${inWords(unsaved)} since ${since}`;
}

/** As the pages say it: in the two largest units that say something. @param {number} seconds */
function inWords(seconds) {
  for (const [large, size, small, part] of UNITS) {
    const whole = Math.round(seconds / part) * part;
    if (whole >= size) {
      const rest = Math.round((whole % size) / part);
      return `${Math.floor(whole / size)} ${large}${rest > 0 ? ` ${rest} ${small}` : ""}`;
    }
  }
  return `${Math.round(seconds)} s`;
}

exports.losses = losses;
