// The icon in the tray: how much runs and waits, and the way back to the window.

const { Menu, nativeImage, Tray } = require("electron");
const path = require("node:path");

const { PAGES } = require("../places");

class TrayIcon {
  /** @type {Tray | null} */
  #tray = null;
  #said = "";
  /** @type {boolean | null} */
  #paused = null;

  /**
   * @param {object} given
   * @param {() => void} given.show
   * @param {() => void} given.hide
   * @param {(paused: boolean) => void} given.pauseQueue
   * @param {() => void} given.quit
   * @param {import("../log").Log} given.log
   */
  constructor(given) {
    this.given = given;
  }

  /** A desktop without a tray has none; the program goes on. */
  open() {
    try {
      this.#tray = new Tray(nativeImage.createFromPath(path.join(PAGES, "tray.png")));
      this.#tray.on("click", () => this.given.show());
      this.say("starting", null);
    } catch (error) {
      this.given.log.say(`there is no tray: ${error}`);
    }
  }

  /**
   * One line that says how things are.
   * @param {string} line
   * @param {boolean | null} paused whether the queue is; null: nothing can be done about it now
   */
  say(line, paused) {
    const news = line !== this.#said || paused !== this.#paused;
    if (this.#tray === null || this.#tray.isDestroyed() || !news) {
      return;
    }
    this.#said = line;
    this.#paused = paused;
    this.#tray.setToolTip(`Steelyard: ${line}`);
    this.#tray.setContextMenu(
      Menu.buildFromTemplate([
        { label: line, enabled: false },
        { type: "separator" },
        { label: "Show Steelyard", click: () => this.given.show() },
        { label: "Hide the window", click: () => this.given.hide() },
        { type: "separator" },
        {
          label: paused ? "Resume queue" : "Pause queue",
          enabled: paused !== null,
          click: () => this.given.pauseQueue(!paused),
        },
        { type: "separator" },
        { label: "Quit", click: () => this.given.quit() },
      ]),
    );
  }

  close() {
    this.#tray?.destroy();
    this.#tray = null;
  }
}

/**
 * @param {import("../sidecar/keeper").State} state
 * @param {{running: number, pending: number, paused?: string | null}} tally
 * @param {boolean} draining
 */
function lineFor(state, { running, pending, paused }, draining) {
  if (state.name === "lost") {
    return "stopped";
  }
  if (state.name === "silent") {
    return "not responding";
  }
  if (state.name !== "ready") {
    return state.name === "starting" ? "starting" : "leaving";
  }
  const counts = running + pending === 0 ? "nothing runs" : `${running} running, ${pending} waiting`;
  const held = paused
    ? `${counts}; ${paused === "battery" ? "the battery is low, paused" : "paused"}`
    : counts;
  return draining ? `finishing, ${counts}` : held;
}

exports.TrayIcon = TrayIcon;
exports.lineFor = lineFor;
