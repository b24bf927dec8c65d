// Where pages may go: inside the sidecar's origin, and nowhere else (SECURITY 29 to 31). Holds for every
// web contents that there ever is, whoever makes it.

const { app, shell } = require("electron");

const OUTSIDE = new Set(["https:", "mailto:"]);

/** What every window must have, and the guard makes sure that it has. */
const HARDENED = Object.freeze({
  contextIsolation: true,
  sandbox: true,
  webSecurity: true,
  nodeIntegration: false,
  nodeIntegrationInSubFrames: false,
  nodeIntegrationInWorker: false,
  webviewTag: false,
  allowRunningInsecureContent: false,
  experimentalFeatures: false,
  spellcheck: false,
});

/**
 * @param {import("./session").Door} door
 * @param {import("../log").Log} log
 */
function guard(door, log) {
  app.on("web-contents-created", (_event, contents) => {
    assertHardened(contents, log);
    const stay = (/** @type {{preventDefault(): void, url: string}} */ event, from = event.url) => {
      if (!door.isOurs(event.url) || !door.isOurs(from)) {
        event.preventDefault();
        log.say(`navigation refused: ${shown(event.url)}`);
      }
    };
    // Not even a page of our own from disk goes to the sidecar by itself: only main loads it.
    contents.on("will-navigate", (event) => stay(event, contents.getURL()));
    contents.on("will-redirect", (event) => stay(event));
    contents.on("will-frame-navigate", (event) => stay(event, contents.getURL()));
    contents.on("will-attach-webview", (event) => event.preventDefault());
    contents.setWindowOpenHandler(({ url }) => {
      openOutside(url, log);
      return { action: "deny" };
    });
  });
}

/**
 * Hand an address to the system, if it is one that a browser or a mail program opens.
 * @param {string} url
 * @param {import("../log").Log} log
 */
function openOutside(url, log) {
  if (mayOpenOutside(url)) {
    void shell.openExternal(url);
  } else {
    log.say(`opening refused: ${shown(url)}`);
  }
}

/** @param {string} url */
function mayOpenOutside(url) {
  try {
    return OUTSIDE.has(new URL(url).protocol);
  } catch {
    return false;
  }
}

/**
 * A window that was made without the hardening is ended before it shows anything.
 * @param {Electron.WebContents} contents
 * @param {import("../log").Log} log
 */
function assertHardened(contents, log) {
  if (contents.getType() === "remote") {
    return; // The developer tools: a part of Electron itself.
  }
  const { getLastWebPreferences } = /** @type {any} */ (contents);
  if (typeof getLastWebPreferences !== "function") {
    log.say("this Electron does not tell what a window was made with");
    return;
  }
  /** @type {Record<string, unknown>} */
  const found = getLastWebPreferences.call(contents) ?? {};
  const wrong = Object.entries(HARDENED).filter(([name, value]) => Boolean(found[name]) !== value);
  if (wrong.length > 0) {
    log.say(`a window without its guards was ended: ${wrong.map(([name]) => name).join(", ")}`);
    setImmediate(() => contents.close({ waitForBeforeUnload: false }));
  }
}

/** @param {string} url */
function shown(url) {
  return url.slice(0, 120);
}

exports.guard = guard;
exports.openOutside = openOutside;
exports.mayOpenOutside = mayOpenOutside;
exports.HARDENED = HARDENED;
