// What a person chose for the desktop program alone: <data dir>/electron/desktop.json. All the rest is a
// preference of the sidecar's.

const fs = require("node:fs");
const path = require("node:path");

/**
 * @typedef {object} Choices
 * @property {"always" | "mains" | "never"} keepAwake while tasks run
 * @property {boolean} notify
 * @property {unknown} window
 */

/** @type {Choices} */
const DEFAULTS = { keepAwake: "always", notify: true, window: null };

class ChoiceFile {
  /** @param {string} profile @param {import("../log").Log} log */
  constructor(profile, log) {
    this.path = path.join(profile, "desktop.json");
    this.log = log;
    /** @type {Choices} */
    this.now = { ...DEFAULTS, ...this.#read() };
  }

  /** @param {Partial<Choices>} change */
  set(change) {
    this.now = { ...this.now, ...change };
    const temporary = `${this.path}.new`;
    try {
      fs.writeFileSync(temporary, `${JSON.stringify(this.now, null, 2)}\n`, { mode: 0o600 });
      fs.renameSync(temporary, this.path);
    } catch (error) {
      this.log.say(`desktop.json was not written: ${error}`);
    }
  }

  /** @returns {Partial<Choices>} */
  #read() {
    if (!fs.existsSync(this.path)) {
      return {};
    }
    try {
      const { keepAwake, notify, window } = JSON.parse(fs.readFileSync(this.path, "utf8"));
      return {
        keepAwake: ["always", "mains", "never"].includes(keepAwake) ? keepAwake : DEFAULTS.keepAwake,
        notify: typeof notify === "boolean" ? notify : DEFAULTS.notify,
        window: window ?? null,
      };
    } catch (error) {
      this.log.say(`desktop.json cannot be read, and is kept as desktop.json.unreadable: ${error}`);
      fs.renameSync(this.path, `${this.path}.unreadable`);
      return {};
    }
  }
}

exports.ChoiceFile = ChoiceFile;
