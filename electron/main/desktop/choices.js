// What the desktop program remembers by itself: <data dir>/electron/desktop.json. What a person chooses is a
// preference (../preferences.js).

const fs = require("node:fs");
const path = require("node:path");

/**
 * @typedef {object} Choices
 * @property {unknown} window where it was
 */

/** @type {Choices} */
const DEFAULTS = { window: null };

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
      return { window: JSON.parse(fs.readFileSync(this.path, "utf8")).window ?? null };
    } catch (error) {
      this.log.say(`desktop.json cannot be read, and is kept as desktop.json.unreadable: ${error}`);
      fs.renameSync(this.path, `${this.path}.unreadable`);
      return {};
    }
  }
}

exports.ChoiceFile = ChoiceFile;
