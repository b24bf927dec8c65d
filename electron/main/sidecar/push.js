// Main's own WebSocket to one run of the sidecar: what tray, notifications and progress are made of.

const { EventEmitter } = require("node:events");

const { WebSocket } = require("ws");

const PAUSE = 1_000;

/** Emits "open" once the first message has come, then "message" for each. Comes back until it is closed. */
class Push extends EventEmitter {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #closed = false;
  /** @type {number | null} */
  #seq = null;

  /** @param {import("./run").Ready} ready */
  constructor(ready) {
    super();
    this.ready = ready;
  }

  open() {
    const since = this.#seq === null ? "" : `?resume_from=${this.#seq}`;
    const socket = new WebSocket(`ws://127.0.0.1:${this.ready.port}/ws${since}`, {
      headers: { authorization: `Bearer ${this.ready.token}` },
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.#socket = socket;
    socket.on("open", () => socket.send(JSON.stringify({ subscribe: ["queue", "progress"] })));
    socket.on("message", (data) => {
      let message;
      try {
        message = JSON.parse(data.toString());
      } catch {
        return;
      }
      if (typeof message?.type !== "string") {
        return;
      }
      if (typeof message.seq === "number") {
        this.#seq = message.seq;
      }
      this.emit("message", message);
    });
    socket.on("error", () => {}); // "close" follows.
    socket.on("close", () => {
      if (!this.#closed) {
        this.#timer = setTimeout(() => this.open(), PAUSE);
      }
    });
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.terminate();
  }
}

exports.Push = Push;
