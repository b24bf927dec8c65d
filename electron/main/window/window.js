// The one window: the splash while the sidecar starts, its pages while it lives, our own page when it is lost.

const { BrowserWindow, nativeImage, nativeTheme } = require("electron");
const path = require("node:path");

const { ORIGIN } = require("./disk_pages");
const { HARDENED } = require("./navigation");
const { boundsFrom, boundsOf, SMALLEST } = require("./bounds");
const { PAGES, PRELOAD } = require("../places");

const SAVE_AFTER = 500;
/** Asking for a device is refused in any case; where the system has no udev, asking for USB ends Electron 25. */
const NO_DEVICES = "WebUSB,WebHID,Serial,WebBluetooth";

/** Owns the BrowserWindow. All loading of pages is done here, by main. */
class MainWindow {
  /** @type {BrowserWindow | null} */
  #window = null;
  /** @type {string} path of the sidecar's page that was shown last */
  #place = "/";
  /** @type {"splash" | "lost" | "panel" | null} */
  #shown = null;
  /** @type {NodeJS.Timeout | undefined} */
  #saving;
  #over = false;

  /**
   * @param {object} given
   * @param {import("./session").Door} given.door
   * @param {import("../desktop/choices").ChoiceFile} given.choices
   * @param {import("../log").Log} given.log
   * @param {(event: {preventDefault(): void}) => void} given.onClose
   * @param {() => void} given.onClosed it is gone, although nobody here has closed it
   * @param {() => void} given.onSessionEnd
   */
  constructor(given) {
    this.given = given;
  }

  get window() {
    return this.#window;
  }

  /** Make it, with the splash in it. */
  open() {
    const { maximized, ...bounds } = boundsFrom(this.given.choices.now.window);
    const window = new BrowserWindow({
      ...bounds,
      minWidth: SMALLEST.width,
      minHeight: SMALLEST.height,
      title: "Steelyard",
      icon: nativeImage.createFromPath(path.join(PAGES, "icon.png")),
      backgroundColor: background(),
      show: true,
      webPreferences: {
        ...HARDENED,
        preload: PRELOAD,
        session: this.given.door.session,
        disableBlinkFeatures: NO_DEVICES,
      },
    });
    this.#window = window;
    if (maximized) {
      window.maximize();
    }
    window.on("close", (event) => this.given.onClose(event));
    window.on("closed", () => {
      this.#window = null;
      this.#shown = null;
      if (!this.#over) {
        this.given.onClosed();
      }
    });
    // "session-end" exists on Windows only.
    /** @type {any} */ (window).on("session-end", () => this.given.onSessionEnd());
    for (const name of ["resize", "move"]) {
      /** @type {any} */ (window).on(name, () => this.#saveSoon());
    }
    const { webContents } = window;
    const remember = (/** @type {string} */ url) => {
      if (this.given.door.isOurs(url)) {
        const { pathname, search } = new URL(url);
        this.#place = pathname + search;
      }
    };
    webContents.on("did-navigate", (_event, url) => remember(url));
    webContents.on("did-navigate-in-page", (_event, url) => remember(url));
    webContents.on("did-fail-load", (_event, code, text, url, isMain) => {
      if (isMain && code !== -3) {
        this.given.log.say(`page not loaded: ${url.slice(0, 120)}: ${text}`);
      }
    });
    webContents.on("render-process-gone", (_event, { reason }) => {
      this.given.log.say(`the window's process is gone: ${reason}`);
      if (reason !== "clean-exit") {
        webContents.reload();
      }
    });
  }

  /** Light or dark has changed: what shows where a page paints nothing. */
  repaint() {
    this.#window?.setBackgroundColor(background());
  }

  /** Show and focus it. */
  present() {
    if (this.#window?.isMinimized()) {
      this.#window.restore();
    }
    this.#window?.show();
    this.#window?.focus();
  }

  hide() {
    this.#window?.hide();
  }

  /** @param {"splash" | "lost"} page */
  showDisk(page) {
    if (this.#shown !== page) {
      this.#shown = page;
      this.#load(`${ORIGIN}/${page}.html`);
    }
  }

  /** The sidecar's page that was shown last; nothing happens if one is shown. */
  showPanel() {
    if (this.#shown !== "panel") {
      this.go(this.#place);
    }
  }

  /** A page of the sidecar's. @param {string} place its path */
  go(place) {
    const { origin } = this.given.door;
    if (origin !== null) {
      this.#shown = "panel";
      this.#load(origin + place);
    }
  }

  /** Tell the page from disk how things are. @param {unknown} state */
  tell(state) {
    if (this.#shown !== "panel") {
      this.#window?.webContents.send("page:state", state);
    }
  }

  /** @param {number} fraction 0 to 1; below 0 none, above 1 unknown */
  setProgress(fraction) {
    this.#window?.setProgressBar(fraction > 1 ? 2 : fraction);
  }

  /** The window goes: write down where it was. */
  save() {
    clearTimeout(this.#saving);
    if (this.#window !== null && !this.#window.isDestroyed()) {
      this.given.choices.set({ window: boundsOf(this.#window) });
    }
  }

  /** For good. */
  destroy() {
    this.save();
    this.#over = true;
    this.#window?.destroy();
  }

  #saveSoon() {
    clearTimeout(this.#saving);
    this.#saving = setTimeout(() => this.save(), SAVE_AFTER);
  }

  /** @param {string} url */
  #load(url) {
    this.#window?.loadURL(url).catch((error) => {
      this.given.log.say(`not loaded: ${error.message}`);
    });
  }
}

function background() {
  return nativeTheme.shouldUseDarkColors ? "#151f2c" : "#f6f8fb";
}

exports.MainWindow = MainWindow;
