// The window's session: in memory, no proxy, and the one place where the token joins a request. It is added to
// requests of exactly the sidecar's origin, made by a page of that origin or by main; no page ever sees it.

const { session: electronSession } = require("electron");

const { denyByDefault } = require("./permissions");
const { isDiskPage, serve } = require("./disk_pages");

/** Without "persist:": nothing of it is written to the disk. */
const PARTITION = "steelyard";
/** Tells the preferences page that it is shown by a desktop program, which has settings of its own. */
const DESKTOP = "X-Steelyard-Desktop";

/** @typedef {import("../sidecar/run").Ready} Ready */

/** Makes the session, and knows whose origin is ours. One sidecar at a time. */
class Door {
  /** @type {Ready | null} */
  #ready = null;

  /** @param {import("../log").Log} log */
  constructor(log) {
    this.log = log;
    this.session = electronSession.fromPartition(PARTITION);
  }

  /** Set the session up; before any page is loaded. */
  prepare() {
    const { session } = this;
    serve(session);
    denyByDefault(session, (origin) => origin === this.origin);
    session.webRequest.onBeforeRequest((details, answer) => {
      answer({ cancel: !this.#mayAsk(details.url) });
    });
    session.webRequest.onBeforeSendHeaders((details, answer) => {
      answer(this.#carriesToken(details) ? { requestHeaders: this.#withToken(details.requestHeaders) } : {});
    });
    session.setSpellCheckerEnabled(false);
    // Not waited for: the splash comes from disk, and Chromium asks no proxy for this machine in any case.
    void session.setProxy({ mode: "direct" });
  }

  /** The origin of the sidecar's pages; null while there is none. */
  get origin() {
    return this.#ready === null ? null : `http://127.0.0.1:${this.#ready.port}`;
  }

  /** From now on this sidecar is ours, and no other; null: none is. @param {Ready | null} ready */
  admit(ready) {
    this.#ready = ready;
  }

  /** Whether a page at this address is the sidecar's. @param {string} url */
  isOurs(url) {
    return this.origin !== null && originOf(url) === this.origin;
  }

  /** @param {string} url */
  #mayAsk(url) {
    const scheme = url.slice(0, url.indexOf(":"));
    if (scheme === "http" || scheme === "ws") {
      return this.isOurs(url);
    }
    return isDiskPage(url) || scheme === "data" || scheme === "blob" || scheme === "devtools";
  }

  /** @param {Electron.OnBeforeSendHeadersListenerDetails} details */
  #carriesToken(details) {
    if (!this.isOurs(details.url)) {
      return false;
    }
    // The main frame holds pages of ours alone: the guards of navigation and of requests see to that. Its URL
    // is no help: while a page comes in, its first requests are made under the URL of the page before.
    const frame = frameOf(details);
    const carries =
      details.resourceType === "mainFrame" ||
      (frame !== null && (frame.parent === null || this.isOurs(frame.url)));
    if (!carries) {
      this.log.say(`a request goes without the token: ${details.resourceType} ${details.url.slice(0, 120)}`);
    }
    return carries;
  }

  /** @param {Record<string, string | string[]>} headers */
  #withToken(headers) {
    const kept = Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization");
    return {
      ...Object.fromEntries(kept),
      Authorization: `Bearer ${this.#ready?.token}`,
      [DESKTOP]: "1",
    };
  }
}

/** @param {Electron.OnBeforeSendHeadersListenerDetails} details */
function frameOf(details) {
  try {
    return details.frame ?? null;
  } catch {
    return null; // It is gone already.
  }
}

/** ws: counts as http:, for it is the same server. @param {string} url */
function originOf(url) {
  try {
    const found = new URL(url);
    return found.protocol === "ws:" ? `http://${found.host}` : found.origin;
  } catch {
    return "";
  }
}

exports.Door = Door;
