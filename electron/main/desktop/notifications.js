// A notification when a task or a whole sweep has ended. A storm of ends is one notification.

const { Notification } = require("electron");

const { get } = require("../sidecar/api");

const TOGETHER = 1_000;
const MOST = 3;
const LIMIT = 5_000;

/** @typedef {import("../tally").Ended} Ended */

class Notifications {
  /** @type {Ended[]} */
  #ended = [];
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** @type {Set<Electron.Notification>} shown ones: one that is forgotten loses its click */
  #shown = new Set();

  /**
   * @param {object} given
   * @param {() => import("../sidecar/run").Ready | null} given.ready
   * @param {() => boolean} given.wanted
   * @param {(place: string) => void} given.open
   * @param {import("../log").Log} given.log
   */
  constructor(given) {
    this.given = given;
  }

  /** A task has ended; what ends with it within a second is told together. @param {Ended} ended */
  note(ended) {
    // What the user cancelled, they know.
    if (ended.cause !== "cancelled" || ended.sweep !== null) {
      this.#ended.push(ended);
      this.#timer ??= setTimeout(() => void this.#tell(), TOGETHER);
    }
  }

  async #tell() {
    const ended = this.#ended;
    this.#ended = [];
    this.#timer = undefined;
    const sweeps = new Set(ended.map((one) => one.sweep).filter((sweep) => sweep !== null));
    for (const sweep of sweeps) {
      await this.#sweep(String(sweep));
    }
    const alone = ended.filter((one) => one.sweep === null);
    if (alone.length > MOST) {
      const failed = alone.filter((one) => one.state === "FAILED").length;
      this.#show(
        `${alone.length} tasks have ended`,
        failed === 0 ? "" : `${failed} of them failed.`,
        "/tasks/",
      );
      return;
    }
    for (const { task, name, state, cause } of alone) {
      const words = state === "SUCCEEDED" ? "is done" : state === "FAILED" ? "failed" : "was cancelled";
      this.#show(
        `${name} ${words}`,
        state === "FAILED" ? `Cause: ${cause.replaceAll("_", " ")}.` : "",
        `/tasks/${task}/`,
      );
    }
  }

  /** Told only when nothing of it waits or runs any more. @param {string} sweep */
  async #sweep(sweep) {
    const ready = this.given.ready();
    if (ready === null || !/^[\w-]{1,64}$/.test(sweep)) {
      return;
    }
    try {
      const { counts } = await get(ready, `/api/tasks/?sweep=${sweep}&limit=1`, LIMIT);
      const of = (/** @type {string} */ state) => Number(counts[state] ?? 0);
      if (of("READY") + of("RUNNING") > 0) {
        return;
      }
      const parts = [
        `${of("SUCCEEDED")} succeeded`,
        of("FAILED") > 0 ? `${of("FAILED")} failed` : "",
        of("CANCELLED") > 0 ? `${of("CANCELLED")} cancelled` : "",
      ];
      const title = of("FAILED") > 0 ? "A sweep has ended with failures" : "A sweep is done";
      this.#show(title, `${parts.filter((part) => part !== "").join(", ")}.`, `/sweeps/${sweep}/`);
    } catch (error) {
      this.given.log.say(
        `the sweep ${sweep} could not be asked for: ${/** @type {Error} */ (error).message}`,
      );
    }
  }

  /** @param {string} title @param {string} body @param {string} place the page that a click opens */
  #show(title, body, place) {
    if (!this.given.wanted()) {
      return;
    }
    this.given.log.say(`notification: ${title}. ${body}`);
    if (!Notification.isSupported()) {
      return;
    }
    const notification = new Notification({ title, body });
    this.#shown.add(notification);
    notification.on("click", () => this.given.open(place));
    notification.on("close", () => this.#shown.delete(notification));
    notification.show();
  }
}

exports.Notifications = Notifications;
