// The machine stays awake while tasks run, and only then; by choice only on mains.

const { powerMonitor, powerSaveBlocker } = require("electron");

class KeepAwake {
  /** @type {number | null} */
  #blocker = null;

  /** @param {import("../preferences").Preferences} preferences @param {import("../log").Log} log */
  constructor(preferences, log) {
    this.preferences = preferences;
    this.log = log;
  }

  /** Bring it in line with what runs now. @param {number} running */
  adjust(running) {
    const { keep_awake } = this.preferences.now;
    const wanted =
      running > 0 &&
      (keep_awake === "always" || (keep_awake === "mains" && !powerMonitor.isOnBatteryPower()));
    if (wanted && this.#blocker === null) {
      this.#blocker = powerSaveBlocker.start("prevent-app-suspension");
      this.log.say("keep awake: on");
    } else if (!wanted && this.#blocker !== null) {
      powerSaveBlocker.stop(this.#blocker);
      this.#blocker = null;
      this.log.say("keep awake: off");
    }
  }
}

exports.KeepAwake = KeepAwake;
