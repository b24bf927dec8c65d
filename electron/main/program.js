// The running program: window, tray, menu and notifications, in line with what the keeper tells of the sidecar.

const { app, clipboard, nativeTheme, shell } = require("electron");
const path = require("node:path");

const diagnostics = require("./diagnostics");
const places = require("./places");
const { chooseData } = require("./desktop/data_directory");
const { KeepAwake } = require("./desktop/keep_awake");
const { setMenu, showPaused } = require("./desktop/menu");
const { Notifications } = require("./desktop/notifications");
const { tellPower } = require("./desktop/power");
const { lineFor, TrayIcon } = require("./desktop/tray");
const { answerPages } = require("./ipc");
const { Quit } = require("./quit");
const { get, post } = require("./sidecar/api");
const { Restarts } = require("./sidecar/restarts");
const { MainWindow } = require("./window/window");

/** A page that closes its window more often than three times a minute gets no new one before the user asks. */
const REOPENED = [0, 0, 0];
const REOPENED_WITHIN = 60_000;
/** Milliseconds that the sidecar has for an answer. */
const LIMIT = 5_000;
/** Milliseconds after which the sidecar is started although nothing is painted: a window may be out of sight. */
const PAINT_LIMIT = 500;

/**
 * @typedef {object} Parts
 * @property {number} began when the program was started, milliseconds
 * @property {string} data
 * @property {import("./desktop/choices").ChoiceFile} choices
 * @property {import("./window/session").Door} door
 * @property {import("./sidecar/keeper").Keeper} keeper
 * @property {import("./log").Log} log
 * @property {import("./preferences").Preferences} preferences
 * @property {import("./tally").Tally} tally
 * @property {import("./timings").Timings} timings
 */

/** Made when Electron is ready; open() shows it. */
class Program {
  #reopened = new Restarts(REOPENED, REOPENED_WITHIN);

  /** @param {Parts} parts */
  constructor(parts) {
    const { choices, door, keeper, log, preferences, tally, timings } = parts;
    this.parts = parts;
    this.window = new MainWindow({
      door,
      choices,
      log,
      onClose: (event) => this.#windowCloses(event),
      onClosed: () => this.#windowClosed(),
      onSessionEnd: () => this.quit.short("the session ends"),
    });
    this.quit = new Quit({ keeper, tally, timings, window: this.window, log });
    this.keepAwake = new KeepAwake(preferences, log);
    this.tray = new TrayIcon({
      show: () => this.show(),
      hide: () => this.window.hide(),
      pauseQueue: (paused) => void this.#pauseQueue(paused),
      quit: () => void this.quit.ask(),
      log,
    });
    this.notifications = new Notifications({
      ready: () => keeper.ready,
      wanted: () => preferences.now.notifications && !this.window.window?.isFocused(),
      open: (place) => this.show(place),
      log,
    });
  }

  /** Show the window, and follow the keeper from now on. */
  open() {
    const { began, keeper, log, preferences } = this.parts;
    nativeTheme.themeSource = preferences.now.theme; // Pages follow it by prefers-color-scheme.
    preferences.on("changed", ({ theme }) => {
      nativeTheme.themeSource = theme;
      this.follow();
    });
    nativeTheme.on("updated", () => this.window.repaint());
    preferences.follow();
    keeper.on("state", () => this.#stateChanged());
    keeper.on("message", () => this.follow());
    keeper.on("task-ended", (/** @type {import("./tally").Ended} */ ended) => this.notifications.note(ended));
    this.#answerPages();
    this.quit.listen();
    this.#openWindow();
    log.say(`window shown after ${Date.now() - began} ms`);
    this.#startAfterFirstPaint();
    this.#setMenu();
    this.tray.open();
    tellPower(keeper, () => this.follow(), log);
    this.#stateChanged();
    app.on("second-instance", () => this.show());
    app.on("activate", () => this.show());
    app.on("quit", () => {
      preferences.close();
      this.tray.close();
    });
  }

  /** Bring the window to the front. @param {string} [place] the path of a page of the sidecar's */
  show(place) {
    if (this.window.window === null) {
      this.#openWindow();
    }
    this.window.present();
    if (place !== undefined) {
      this.window.go(place);
    }
  }

  /** Tray, progress and power in line with what runs. */
  follow() {
    const { keeper, tally } = this.parts;
    const paused = keeper.ready === null ? null : tally.paused !== null;
    this.tray.say(lineFor(keeper.state, tally, this.quit.isDraining), paused);
    showPaused(paused);
    const running = keeper.ready === null ? 0 : tally.running;
    this.window.setProgress(running === 0 ? -1 : (tally.progress ?? 2));
    this.keepAwake.adjust(running);
  }

  /** What our pages from disk show. */
  view() {
    const { began, keeper, timings } = this.parts;
    return {
      ...keeper.state,
      longerAfter: Math.max(0, timings.longerThanUsual - (Date.now() - began)),
      version: app.getVersion(),
    };
  }

  #stateChanged() {
    const { door, keeper, tally } = this.parts;
    const { name } = keeper.state;
    if (name === "lost") {
      door.admit(null);
      tally.forget();
    }
    if (name === "lost" || name === "silent") {
      this.window.showDisk("lost");
    } else if (keeper.ready !== null && !this.quit.isLeaving) {
      door.admit(keeper.ready);
      this.window.showPanel();
    }
    this.window.tell(this.view());
    this.follow();
  }

  /** On two cores, a sidecar that starts beside Chromium keeps the splash from the screen for as long again. */
  #startAfterFirstPaint() {
    const { began, keeper, log } = this.parts;
    const start = () => {
      if (keeper.state.generation === 0) {
        keeper.start();
      }
    };
    this.window.window?.once("ready-to-show", () => {
      log.say(`first page painted after ${Date.now() - began} ms`);
      start();
    });
    setTimeout(start, PAINT_LIMIT);
  }

  #openWindow() {
    const { door, keeper } = this.parts;
    const { name, generation } = keeper.state;
    this.window.open();
    if (keeper.ready !== null) {
      door.admit(keeper.ready);
      this.window.showPanel();
    } else {
      this.window.showDisk(name === "starting" && generation <= 1 ? "splash" : "lost");
    }
  }

  /** @param {{preventDefault(): void}} event */
  #windowCloses(event) {
    if (this.quit.isLeaving) {
      return;
    }
    event.preventDefault();
    const { keeper, preferences, tally } = this.parts;
    if (process.platform === "darwin" || this.quit.isDraining) {
      this.window.hide();
    } else if (preferences.now.finish_in_tray && keeper.ready !== null && tally.running > 0) {
      this.quit.finishInBackground();
    } else {
      void this.quit.ask();
    }
  }

  #windowClosed() {
    // window.close() in a page does this: Electron asks nobody. It is no way to end the program.
    this.parts.log.say("a page has closed the window");
    if (this.#reopened.next(performance.now()) !== null) {
      this.#openWindow();
    }
  }

  #answerPages() {
    const { keeper, log } = this.parts;
    answerPages({
      window: () => this.window.window,
      log,
      answers: {
        "page:state": () => this.view(),
        "lost:restart": () => {
          if (keeper.state.name === "lost" || keeper.state.name === "silent") {
            keeper.restart();
          }
        },
        "lost:wait": () => {
          if (keeper.state.name === "silent") {
            this.window.showPanel();
          }
        },
        "lost:open-logs": () => this.#openLogs(),
        "lost:copy-diagnostics": () => this.#copyDiagnostics(),
      },
    });
  }

  #setMenu() {
    const { data, keeper } = this.parts;
    setMenu({
      go: (place) => this.show(place),
      hide: () => this.window.hide(),
      quit: () => void this.quit.ask(),
      pauseQueue: (paused) => void this.#pauseQueue(paused),
      openLogs: () => this.#openLogs(),
      copyDiagnostics: () => this.#copyDiagnostics(),
      exportDiagnostics: () => {
        if (keeper.ready !== null) {
          this.window.window?.webContents.downloadURL(`${keeper.ready.url}system/diagnostics.zip`);
        }
      },
      openData: () => void shell.openPath(data),
      chooseData: () => void chooseData({ data, window: this.window.window, log: this.parts.log }),
      dataIsFixed: places.isFixed(process.env),
      openSimulations: () => void this.#openSimulations(),
    });
  }

  /** @param {boolean} paused */
  async #pauseQueue(paused) {
    const { keeper, log } = this.parts;
    if (keeper.ready !== null) {
      try {
        await post(keeper.ready, `/api/queue/${paused ? "pause" : "resume"}/`, LIMIT);
      } catch (error) {
        log.say(
          `the queue was not ${paused ? "paused" : "resumed"}: ${/** @type {Error} */ (error).message}`,
        );
      }
    }
  }

  /** The folder that the sidecar reads; a preference may name another one than that of the data directory. */
  async #openSimulations() {
    const { data, keeper, log } = this.parts;
    let folder = path.join(data, "simulations");
    if (keeper.ready !== null) {
      try {
        folder = String((await get(keeper.ready, "/api/system/", LIMIT)).simulations_dir);
      } catch (error) {
        log.say(`the simulations folder was not told: ${/** @type {Error} */ (error).message}`);
      }
    }
    await shell.openPath(folder);
  }

  #openLogs() {
    void shell.openPath(places.logs(this.parts.data));
  }

  #copyDiagnostics() {
    clipboard.writeText(diagnostics.describe(this.parts));
  }
}

exports.Program = Program;
