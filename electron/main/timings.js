// How long things may take. From source, STEELYARD_DESKTOP_TIMINGS (a JSON object) changes them for a test.

const TIMINGS = Object.freeze({
  /** Milliseconds without a phase after which a start counts as hung. The whole of it may take any time. */
  phaseLimit: 60_000,
  /** Milliseconds after which the splash says that it takes longer than usual. */
  longerThanUsual: 10_000,
  /** Milliseconds between two pings. */
  pingEvery: 5_000,
  /** Pings without an answer after which the sidecar counts as not responding. */
  misses: 3,
  /** Milliseconds that the first request and the first message of the WebSocket may take. */
  answerLimit: 15_000,
  /** Milliseconds that a login shell has to tell its variables. Large profiles take half a minute when cold. */
  shellLimit: 30_000,
  /** Milliseconds to wait before each restart. */
  backOff: [0, 1_000, 2_000, 4_000, 8_000],
  /** Milliseconds in which no more restarts than backOff has entries are made. */
  restartWindow: 600_000,
  /** Milliseconds that a task has for its checkpoint when the user stops it. */
  stopDeadline: 10_000,
  /** The same when the system ends the session, or somebody else ends the program. */
  shortDeadline: 3_000,
  /** Milliseconds after a deadline before the group is ended. */
  grace: 1_500,
});

/** @typedef {typeof TIMINGS} Timings */

/**
 * @param {NodeJS.ProcessEnv} environment
 * @param {boolean} packaged
 * @returns {Timings}
 */
function timings(environment, packaged) {
  const stated = environment.STEELYARD_DESKTOP_TIMINGS;
  return packaged || !stated ? TIMINGS : { ...TIMINGS, ...JSON.parse(stated) };
}

exports.timings = timings;
