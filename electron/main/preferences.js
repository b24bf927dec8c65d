// What a person chose, as far as it is main's business: the settings of shared/preferences.schema.json that are
// marked x-desktop. The sidecar writes preferences.json; main only reads it, at the start before there is a
// sidecar, and whenever it has changed.

const { EventEmitter } = require("node:events");
const fs = require("node:fs");
const path = require("node:path");

const SCHEMA = require("../../shared/preferences.schema.json");

const FILE = "preferences.json";

/**
 * @typedef {object} Chosen
 * @property {"system" | "light" | "dark"} theme
 * @property {boolean} notifications
 * @property {"always" | "mains" | "never"} keep_awake
 * @property {boolean} finish_in_tray
 */

/** Emits "changed" (Chosen). */
class Preferences extends EventEmitter {
  /** @type {fs.FSWatcher | null} */
  #watcher = null;

  /** @param {string} data @param {import("./log").Log} log */
  constructor(data, log) {
    super();
    this.data = data;
    this.log = log;
    this.now = this.#read();
  }

  /** Hear of changes from now on. */
  follow() {
    try {
      // The folder, for the file is replaced by another one whenever it is written.
      this.#watcher = fs.watch(this.data, (_event, name) => {
        if (name === FILE) {
          this.#look();
        }
      });
      this.#watcher.on("error", (error) => this.log.say(`preferences are not followed: ${error}`));
    } catch (error) {
      this.log.say(`preferences are not followed: ${error}`);
    }
  }

  close() {
    this.#watcher?.close();
  }

  #look() {
    const found = this.#read();
    if (JSON.stringify(found) !== JSON.stringify(this.now)) {
      this.now = found;
      this.emit("changed", found);
    }
  }

  /** @returns {Chosen} what is missing or of the wrong form is the default: the sidecar says what is wrong */
  #read() {
    return chosen(stated(path.join(this.data, FILE)));
  }
}

/** @param {string} file @returns {Record<string, unknown>} */
function stated(file) {
  try {
    const found = JSON.parse(fs.readFileSync(file, "utf8"));
    return found !== null && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

/**
 * @param {Record<string, unknown>} values what preferences.json states
 * @returns {Chosen}
 */
function chosen(values) {
  /** @type {Record<string, unknown>} */
  const found = {};
  /** @type {Record<string, any>} */
  const properties = SCHEMA.properties;
  for (const [key, schema] of Object.entries(properties)) {
    if (schema["x-desktop"]) {
      const value = values[key];
      const fits = schema.enum ? schema.enum.includes(value) : typeof value === schema.type;
      found[key] = fits ? value : schema.default;
    }
  }
  return /** @type {Chosen} */ (found);
}

exports.Preferences = Preferences;
exports.chosen = chosen;
