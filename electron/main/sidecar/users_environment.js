// The user's own variables, for tasks: never for the sidecar (SECURITY 36). Those of this process; where nobody
// typed the command in a terminal, those of the login shell over them, for a program that is started from a
// dock or a menu has next to no PATH and nothing of what the user's profile exports.

const { spawn } = require("node:child_process");
const crypto = require("node:crypto");
const os = require("node:os");
const path = require("node:path");

const { withLoopback } = require("./environment");

/** What belongs to this program, or to what started it, and is nobody else's business. */
const DENIED_PREFIXES = ["ELECTRON_", "STEELYARD_", "_PYI", "npm_"];
const DENIED = new Set([
  // PyInstaller's, Electron's, npm's
  "_MEIPASS2",
  "CHROME_DESKTOP",
  "ORIGINAL_XDG_CURRENT_DESKTOP",
  "INIT_CWD",
  "NODE",
  // an AppImage's
  "APPDIR",
  "APPIMAGE",
  "ARGV0",
  "OWD",
  // tokens and sockets of this one start
  "DESKTOP_STARTUP_ID",
  "XDG_ACTIVATION_TOKEN",
  "GIO_LAUNCHED_DESKTOP_FILE",
  "GIO_LAUNCHED_DESKTOP_FILE_PID",
  "INVOCATION_ID",
  "JOURNAL_STREAM",
  "LISTEN_FDNAMES",
  "LISTEN_FDS",
  "LISTEN_PID",
  "MANAGERPID",
  "NOTIFY_SOCKET",
  "SYSTEMD_EXEC_PID",
  "WATCHDOG_PID",
  "WATCHDOG_USEC",
  "XPC_FLAGS",
  "XPC_SERVICE_NAME",
  "__CFBundleIdentifier",
]);
/** What a shell keeps for itself. */
const OF_THE_SHELL = new Set(["_", "OLDPWD", "PWD", "SHLVL"]);
/** For the shell that is asked: it is not to update itself, nor to begin a session of tmux. */
const ASKED = {
  DISABLE_AUTO_UPDATE: "true",
  ZSH_TMUX_AUTOSTART: "false",
  STEELYARD_ASKS_FOR_ENVIRONMENT: "1",
};
/** Login and interactive, for half of what people set stands in .bashrc and .zshrc. A csh is not both at once. */
const FLAGS = new Map([
  ...["sh", "bash", "zsh", "dash", "ash", "ksh", "mksh", "fish"].map(
    (name) => /** @type {[string, string[]]} */ ([name, ["-i", "-l", "-c"]]),
  ),
  ["csh", ["-i", "-c"]],
  ["tcsh", ["-i", "-c"]],
]);
const MOST_BYTES = 4_000_000;

/** @typedef {{variables: Record<string, string>, source: string, left_out: string[], note: string | null}} Given */

/**
 * usersEnvironment() that is asked when it is first needed, and told to every sidecar after that.
 * @param {NodeJS.ProcessEnv} ours
 * @param {number} limit milliseconds
 * @param {import("../log").Log} log gets names only: what variables hold is the user's business
 * @returns {() => Promise<Given>}
 */
function asksOnce(ours, limit, log) {
  /** @type {Promise<Given> | null} */
  let asked = null;
  return () => {
    const began = Date.now();
    asked ??= usersEnvironment(ours, limit).then((told) => {
      const count = Object.keys(told.variables).length;
      const without = told.left_out.length > 0 ? `; left out: ${told.left_out.join(", ")}` : "";
      log.say(`${count} variables for tasks from ${told.source} after ${Date.now() - began} ms${without}`);
      if (told.note !== null) {
        log.say(told.note);
      }
      return told;
    });
    return asked;
  };
}

/**
 * What tasks get. Never rejects: what could not be learned stands in `note`.
 * @param {NodeJS.ProcessEnv} ours
 * @param {number} limit milliseconds that the shell has
 * @returns {Promise<Given>}
 */
async function usersEnvironment(ours, limit) {
  const mine = /** @type {Record<string, string>} */ (ours);
  if (process.platform === "win32" || mine.TERM) {
    return given(mine, mine.APPDIR, process.platform === "win32" ? "your account" : "the terminal", null);
  }
  const { kept } = sorted(mine, mine.APPDIR);
  const shell = mine.SHELL || os.userInfo().shell || "/bin/sh";
  try {
    const found = await askShell(shell, kept, limit);
    return given({ ...mine, ...found }, mine.APPDIR, `the login shell ${shell}`, null);
  } catch (error) {
    const note = `The login shell ${shell} did not tell its variables: ${/** @type {Error} */ (error).message}. Tasks have those of the desktop session.`;
    return given(mine, mine.APPDIR, "the desktop session", note);
  }
}

/**
 * @param {Record<string, string>} all
 * @param {string | undefined} image
 * @param {string} source
 * @param {string | null} note
 * @returns {Given}
 */
function given(all, image, source, note) {
  const { kept, leftOut } = sorted(all, image);
  return { variables: withLoopback(kept), source, left_out: leftOut, note };
}

/**
 * The variables that tasks may have, and the names of the others. image: the folder that an AppImage is mounted
 * at; its loader puts places in it before those of the user.
 * @param {Record<string, string>} all
 * @param {string | undefined} image
 */
function sorted(all, image) {
  /** @type {Record<string, string>} */
  const kept = {};
  const leftOut = [];
  for (const [name, value] of Object.entries(all)) {
    if (DENIED.has(name) || DENIED_PREFIXES.some((prefix) => name.startsWith(prefix))) {
      leftOut.push(name);
    } else if (!OF_THE_SHELL.has(name)) {
      const clean = image ? withoutImage(value, image) : value;
      if (clean !== "" || value === "") {
        kept[name] = clean;
      }
    }
  }
  return { kept, leftOut: leftOut.sort() };
}

/** @param {string} value @param {string} image */
function withoutImage(value, image) {
  const inside = (/** @type {string} */ place) => place === image || place.startsWith(`${image}/`);
  return value.includes(image)
    ? value
        .split(":")
        .filter((place) => !inside(place))
        .join(":")
    : value;
}

/**
 * The variables of a login shell. Rejects with what kept it from telling them.
 * @param {string} shell
 * @param {Record<string, string>} environment
 * @param {number} limit milliseconds
 * @returns {Promise<Record<string, string>>}
 */
function askShell(shell, environment, limit) {
  const flags = FLAGS.get(path.basename(shell));
  if (flags === undefined || !path.isAbsolute(shell)) {
    return Promise.reject(new Error("a shell of this name is not known here"));
  }
  const mark = crypto.randomBytes(12).toString("hex");
  // Between marks, for a profile may print; ended by NUL, for a value may hold lines. macOS has env -0 as well.
  const command = `echo ${mark}; /usr/bin/env -0; echo ${mark}`;
  return new Promise((resolve, reject) => {
    // A session of its own: an interactive shell would stop for a terminal that is another's.
    const child = spawn(shell, [...flags, command], {
      cwd: os.homedir(),
      detached: true,
      env: { ...environment, ...ASKED },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const end = () => {
      try {
        process.kill(-(/** @type {number} */ (child.pid)), "SIGKILL");
      } catch {
        child.kill("SIGKILL");
      }
    };
    const finish = (/** @type {Error | Record<string, string>} */ outcome) => {
      clearTimeout(timer);
      process.off("exit", end);
      // What its profile left running may hold the pipe for as long as it likes.
      child.stdout.destroy();
      if (outcome instanceof Error) {
        reject(outcome);
      } else {
        resolve(outcome);
      }
    };
    const timer = setTimeout(() => {
      end();
      finish(new Error(`it took longer than ${Math.round(limit / 1000)} s`));
    }, limit);
    process.on("exit", end);
    let output = Buffer.alloc(0);
    child.stdout.on("data", (chunk) => {
      output = Buffer.concat([output, chunk]);
      const found = between(output.toString("utf8"), mark);
      if (found !== null) {
        finish(found);
      } else if (output.length > MOST_BYTES) {
        end();
        finish(new Error("it printed without an end"));
      }
    });
    child.on("error", (error) => finish(error));
    child.on("close", (code, signal) => finish(new Error(`it ended with ${signal ?? code}`)));
  });
}

/**
 * @param {string} output
 * @param {string} mark
 * @returns {Record<string, string> | null}
 */
function between(output, mark) {
  const [, told, rest] = output.split(mark);
  if (rest === undefined) {
    return null;
  }
  const pairs = told
    .replace(/^\r?\n/, "")
    .split("\0")
    .filter((text) => text.indexOf("=") > 0)
    .map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)])
    .filter(([name]) => !(name in ASKED));
  return Object.fromEntries(pairs);
}

exports.asksOnce = asksOnce;
exports.usersEnvironment = usersEnvironment;
