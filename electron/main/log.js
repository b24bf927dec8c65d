// <data dir>/logs/electron.log: what the desktop program did. One line an entry, rotated, never with a token.

const fs = require("node:fs");
const path = require("node:path");

const LARGEST = 2_000_000;
const KEPT = 3;

/** The log file of one data directory. Nothing that fails here may stop the program. */
class Log {
  /** @type {Set<string>} */
  #secrets = new Set();
  #size = 0;
  /** @type {string[]} */
  #tail = [];

  /** @param {string} folder the folder of the logs, made here */
  constructor(folder) {
    this.path = path.join(folder, "electron.log");
    this.folder = folder;
    try {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.#size = fs.existsSync(this.path) ? fs.statSync(this.path).size : 0;
    } catch {
      this.#size = 0;
    }
  }

  /**
   * From now on this text is written nowhere.
   * @param {string} secret
   */
  hide(secret) {
    this.#secrets.add(secret);
  }

  /** @param {string} text */
  clean(text) {
    let cleaned = text;
    for (const secret of this.#secrets) {
      cleaned = cleaned.split(secret).join("[token]");
    }
    return cleaned;
  }

  /** @param {string} text */
  say(text) {
    const line = `${new Date().toISOString()} ${this.clean(text).replace(/\r?\n/g, "\n    ")}\n`;
    this.#tail.push(line);
    this.#tail.splice(0, this.#tail.length - 200);
    try {
      if (this.#size + line.length > LARGEST) {
        this.#rotate();
      }
      fs.appendFileSync(this.path, line, { mode: 0o600 });
      this.#size += Buffer.byteLength(line);
    } catch {
      // A full disk or a folder that is gone: the tail in memory still has it.
    }
  }

  /** The last lines of this run. */
  tail() {
    return this.#tail.join("");
  }

  #rotate() {
    for (let number = KEPT; number > 1; number -= 1) {
      if (fs.existsSync(`${this.path}.${number - 1}`)) {
        fs.renameSync(`${this.path}.${number - 1}`, `${this.path}.${number}`);
      }
    }
    fs.renameSync(this.path, `${this.path}.1`);
    this.#size = 0;
  }
}

exports.Log = Log;
