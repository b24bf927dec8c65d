// The ways out. All of them end with the sidecar gone, and then the program.
//
//   asked     the user closes the window or chooses Quit: with running tasks they choose what becomes of them
//   short     the session ends, or a signal or another program wants the end: no question, 3 s for checkpoints

const { app, dialog } = require("electron");

const { losses } = require("./losses");
const { get } = require("./sidecar/api");

/** Milliseconds that the sidecar has to say what would be lost: a person waits for the question. */
const LIMIT = 1_000;

/** @typedef {"background" | "stop" | "cancel"} Answer */

class Quit {
  #asking = false;
  #draining = false;
  #leaving = false;
  #over = false;

  /**
   * @param {object} given
   * @param {import("./sidecar/keeper").Keeper} given.keeper
   * @param {import("./tally").Tally} given.tally
   * @param {import("./timings").Timings} given.timings
   * @param {import("./window/window").MainWindow} given.window
   * @param {import("./log").Log} given.log
   */
  constructor(given) {
    this.given = given;
    given.keeper.on("gone", () => this.#finish());
  }

  /** Whether running tasks are finished in the background, and the program then ends. */
  get isDraining() {
    return this.#draining;
  }

  get isLeaving() {
    return this.#leaving;
  }

  /** The program is about to end: it ends once the sidecar is gone. */
  listen() {
    app.on("before-quit", (event) => {
      if (!this.#over) {
        event.preventDefault();
        this.short("the system asks for the end");
      }
    });
    app.on("window-all-closed", () => {}); // Quit decides when the program ends, not the last window.
  }

  /** The user wants to leave. */
  async ask() {
    const { keeper, tally, timings, window, log } = this.given;
    if (this.#leaving || this.#asking) {
      return;
    }
    const running = keeper.ready === null ? 0 : tally.running;
    if (running === 0) {
      this.#stop(timings.stopDeadline);
      return;
    }
    this.#asking = true;
    const lost = await this.#losses();
    const answer = await question(window.window, running, tally.pending, lost, this.#draining).finally(() => {
      this.#asking = false;
    });
    log.say(`quit with ${running} running: ${answer}`);
    if (answer === "background") {
      this.finishInBackground();
    } else if (answer === "stop") {
      this.#stop(timings.stopDeadline);
    }
  }

  /** What an end now would lose, a line a task; [] if the sidecar does not say. @returns {Promise<string[]>} */
  async #losses() {
    const { keeper, log } = this.given;
    try {
      return keeper.ready === null ? [] : losses(await get(keeper.ready, "/api/workers/status/", LIMIT));
    } catch (error) {
      log.say(`what would be lost was not told: ${/** @type {Error} */ (error).message}`);
      return [];
    }
  }

  /** Running tasks go on without a window, nothing new starts, and then the program ends. */
  finishInBackground() {
    this.#draining = true;
    this.given.window.hide();
    this.given.keeper.leave("drain", null);
  }

  /** End without a question. @param {string} why */
  short(why) {
    this.given.log.say(`quit: ${why}`);
    this.#stop(this.given.timings.shortDeadline);
  }

  /** @param {number} deadline */
  #stop(deadline) {
    this.#leaving = true;
    this.given.window.hide();
    this.given.keeper.leave("stop", deadline);
  }

  #finish() {
    this.#over = true;
    this.given.window.destroy();
    this.given.log.say("the end");
    app.quit();
  }
}

/**
 * @param {Electron.BrowserWindow | null} window
 * @param {number} running
 * @param {number} waiting
 * @param {string[]} lost
 * @param {boolean} draining
 * @returns {Promise<Answer>}
 */
async function question(window, running, waiting, lost, draining) {
  const tasks = running === 1 ? "1 task is running" : `${running} tasks are running`;
  const rest =
    waiting > 0
      ? ` ${waiting === 1 ? "1 task waits; it starts" : `${waiting} tasks wait; they start`} at the next launch.`
      : "";
  /** @type {Electron.MessageBoxOptions} */
  const options = {
    type: "question",
    title: "Quit Steelyard",
    message: `${tasks}. Quit Steelyard?`,
    detail:
      "Finish in the background: the window closes, running tasks go on, nothing new starts, and Steelyard " +
      "ends when they are done. The icon in the tray shows it.\n\n" +
      `Stop now: running tasks write a checkpoint if they can, and resume at the next launch.${rest}` +
      (lost.length > 0 ? `\n\nOne that can write none now loses this work:\n${lost.join("\n")}` : ""),
    buttons: [draining ? "Keep finishing" : "Finish in the background", "Stop now, resume later", "Cancel"],
    defaultId: 0,
    cancelId: 2,
    noLink: true,
  };
  const { response } = await (window?.isVisible()
    ? dialog.showMessageBox(window, options)
    : dialog.showMessageBox(options));
  return /** @type {Answer[]} */ (["background", "stop", "cancel"])[response] ?? "cancel";
}

exports.Quit = Quit;
