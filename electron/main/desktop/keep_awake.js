// The machine stays awake while tasks run, and only then; by choice only on mains.

const { powerMonitor, powerSaveBlocker } = require("electron");

class KeepAwake {
  /** @type {number | null} */
  #blocker = null;

  /** @param {import("./choices").ChoiceFile} choices @param {import("../log").Log} log */
  constructor(choices, log) {
    this.choices = choices;
    this.log = log;
  }

  /** Bring it in line with what runs now. @param {number} running */
  adjust(running) {
    const { keepAwake } = this.choices.now;
    const wanted =
      running > 0 && (keepAwake === "always" || (keepAwake === "mains" && !powerMonitor.isOnBatteryPower()));
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
