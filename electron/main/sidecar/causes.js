// Why a sidecar is gone, in words, and whether starting it again can help. Pure: the facts are arguments.

/**
 * How one run of the sidecar ended.
 * @typedef {object} Ending
 * @property {"spawn" | "fatal" | "exit" | "signal" | "garbage" | "foreign" | "version" | "silent-start" | "unanswered" | "asked"} kind
 * @property {boolean} wasReady
 * @property {string} [detail] for spawn: the system's code; else what was seen
 * @property {number} [code] exit status
 * @property {string} [signal]
 * @property {{code: string, message: string, remedy: string}} [fatal]
 * @property {string} stderr its last lines
 */

/**
 * What was found on the machine after the end.
 * @typedef {object} Facts
 * @property {boolean} programIsThere
 * @property {boolean} outOfMemory the kernel has ended a process for want of memory meanwhile
 * @property {number | null} freeBytes on the disk of the data directory
 */

/**
 * @typedef {object} Cause
 * @property {string} name one word for the log and for tests
 * @property {string} title
 * @property {string} text what happened, one or two sentences
 * @property {string} remedy what a person can do; may be empty
 * @property {boolean} restart whether starting it again by itself can help
 */

const ALMOST_NOTHING = 16 * 2 ** 20;

/** Codes of `fatal` that pass by themselves: everything else is there until a person has mended it. */
const PASSING = new Set(["port_unavailable"]);

/** @type {Record<string, string>} */
const FATAL_TITLES = {
  bad_configuration: "A setting of the environment is wrong",
  bad_preferences: "The preferences cannot be used",
  data_dir_locked: "Another Steelyard uses this data",
  data_dir_unwritable: "The data directory cannot be written",
  database_corrupt: "The database is damaged",
  disk_full: "The disk is full",
  migration_failed: "The database could not be brought up to date",
  port_unavailable: "No port was free",
};

const REINSTALL = "Install Steelyard again. If an antivirus program has removed it, look in its quarantine.";
const LOGS = "The logs say more.";

/**
 * @param {Ending} ending
 * @param {Facts} facts
 * @returns {Cause}
 */
function causeOf(ending, facts) {
  if (ending.kind === "fatal" && ending.fatal !== undefined) {
    return fatal(ending.fatal, ending.wasReady);
  }
  if (ending.kind === "spawn") {
    return notStarted(ending.detail ?? "");
  }
  if (ending.kind !== "asked" && !facts.programIsThere) {
    return removed();
  }
  if (facts.freeBytes !== null && facts.freeBytes < ALMOST_NOTHING && ending.kind === "exit") {
    return fatal({
      code: "disk_full",
      message: "The disk that holds the data directory is full.",
      remedy: "Free some space on that disk, then start Steelyard again.",
    });
  }
  return died(ending, facts);
}

/**
 * @param {{code: string, message: string, remedy: string}} told
 * @param {boolean} [afterCrash] then the data may still be locked by what is just ending
 * @returns {Cause}
 */
function fatal({ code, message, remedy }, afterCrash = false) {
  return {
    name: code,
    title: FATAL_TITLES[code] ?? "Steelyard could not start",
    text: message,
    remedy,
    restart: PASSING.has(code) || (code === "data_dir_locked" && afterCrash),
  };
}

/** @param {string} code @returns {Cause} */
function notStarted(code) {
  if (code === "ENOENT") {
    return removed();
  }
  const denied = code === "EACCES" || code === "EPERM";
  return {
    name: denied ? "not_executable" : "not_started",
    title: "Steelyard's engine could not be started",
    text: denied
      ? "The system does not allow the program to be run: it is not executable, or a policy or antivirus program forbids it."
      : `The system refused to start it (${code || "unknown error"}).`,
    remedy: denied ? REINSTALL : LOGS,
    restart: false,
  };
}

/** @returns {Cause} */
function removed() {
  return {
    name: "program_missing",
    title: "A part of Steelyard is missing",
    text: "The program of the engine is not where it was installed.",
    remedy: REINSTALL,
    restart: false,
  };
}

/**
 * @param {Ending} ending
 * @param {Facts} facts
 * @returns {Cause}
 */
function died(ending, facts) {
  const lost = "Running tasks go on from their last checkpoint when it is back.";
  const found = table(ending, facts);
  return { remedy: ending.wasReady ? lost : LOGS, restart: true, ...found };
}

/**
 * @param {Ending} ending
 * @param {Facts} facts
 * @returns {Pick<Cause, "name" | "title" | "text"> & Partial<Cause>}
 */
function table({ kind, detail, code, signal }, { outOfMemory }) {
  switch (kind) {
    case "signal":
      if (signal === "SIGKILL" && outOfMemory) {
        return {
          name: "out_of_memory",
          title: "The system ran out of memory",
          text: "The system ended Steelyard's engine because memory was short.",
        };
      }
      return {
        name: "signal",
        title: "Steelyard's engine was ended",
        text: `Something ended it with ${signal}.`,
      };
    case "garbage":
      return {
        name: "garbage",
        title: "Steelyard's engine cannot be understood",
        text: "What was started in its place is not Steelyard's engine, or it is damaged.",
        remedy: REINSTALL,
        restart: false,
      };
    case "foreign":
      return {
        name: "foreign",
        title: "The wrong program answered",
        text: `What answered could not prove to be Steelyard's engine: ${detail}.`,
        remedy: REINSTALL,
        restart: false,
      };
    case "version":
      return {
        name: "version",
        title: "The parts of Steelyard do not belong together",
        text: `${detail}.`,
        remedy: "Install Steelyard again, so that all of it has one version.",
        restart: false,
      };
    case "silent-start":
      return {
        name: "silent_start",
        title: "Steelyard's engine hung while it started",
        text: `It told of no progress for ${detail}.`,
      };
    case "unanswered":
      return {
        name: "unanswered",
        title: "Steelyard's engine does not answer",
        text: `It started, but ${detail}.`,
      };
    case "asked":
      return {
        name: "asked",
        title: "Steelyard's engine is started again",
        text: "It did not respond, and you chose to start it again.",
      };
    default:
      return {
        name: "exit",
        title: "Steelyard's engine has stopped",
        text:
          code === 0
            ? "It left without being asked to."
            : `It ended with exit status ${code ?? "unknown"}${detail ? `: ${detail}` : ""}.`,
      };
  }
}

exports.causeOf = causeOf;
