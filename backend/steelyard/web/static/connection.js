// The page's one WebSocket: it comes back by itself, with what was missed, and says how it is.

/** @typedef {"connecting" | "live" | "reconnecting" | "stopped" | "foreign"} State */

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 5000;
const POLL = 5000;
const SETTLED = 5000;
/** Milliseconds after which a connection counts as good again: one that breaks sooner is not retried at once. */

/**
 * Events: "message" (detail: the server's message), "state" (detail: State), "back" (after an outage),
 * "poll" (every 5 s while the server answers and the WebSocket does not).
 */
export class Connection extends EventTarget {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {number} */
  #seq;
  /** @type {Set<string>} */
  #topics = new Set();
  /** @type {State} */
  #state = "connecting";
  #pause = FIRST_PAUSE;
  #asleep = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #polling;

  /** @param {number} seq the last change that the page holds */
  constructor(seq) {
    super();
    this.#seq = seq;
    addEventListener("pagehide", () => this.#socket?.close());
    addEventListener("pageshow", (event) => {
      if (event.persisted) {
        this.#later(0);
      }
    });
  }

  get state() {
    return this.#state;
  }

  /** Connect; everything missed since `seq` is replayed. */
  open() {
    const socket = new WebSocket(`ws://${location.host}/ws?resume_from=${this.#seq}`);
    let opened = Number.POSITIVE_INFINITY;
    this.#socket = socket;
    socket.addEventListener("open", () => {
      opened = performance.now();
      const back = this.#state !== "connecting";
      this.#become("live");
      this.#send({ subscribe: [...this.#topics] });
      if (back) {
        this.dispatchEvent(new Event("back"));
      }
    });
    socket.addEventListener("message", (event) => this.#hear(JSON.parse(event.data)));
    socket.addEventListener("close", () => {
      this.#socket = null;
      if (this.#state === "live" || this.#state === "connecting") {
        this.#become("reconnecting");
      }
      if (performance.now() - opened > SETTLED) {
        this.#pause = FIRST_PAUSE;
      }
      this.#later(this.#pause);
    });
  }

  /**
   * Be sent these topics from now on, and no other.
   * @param {Set<string>} topics
   */
  want(topics) {
    const subscribe = [...topics].filter((topic) => !this.#topics.has(topic));
    const unsubscribe = [...this.#topics].filter((topic) => !topics.has(topic));
    this.#topics = topics;
    if (subscribe.length + unsubscribe.length > 0) {
      this.#send({ subscribe, unsubscribe });
    }
  }

  /**
   * While nobody looks, nothing is tried.
   * @param {boolean} asleep
   */
  sleep(asleep) {
    this.#asleep = asleep;
    if (!asleep && this.#socket === null) {
      this.#pause = FIRST_PAUSE;
      this.#later(0);
    }
  }

  /** @param {object} wish */
  #send(wish) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(wish));
    }
  }

  /** @param {Record<string, any>} message */
  #hear(message) {
    if (message.type === "snapshot") {
      this.#seq = message.seq;
    } else if (typeof message.seq === "number") {
      this.#seq = Math.max(this.#seq, message.seq);
    }
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  /** @param {number} pause milliseconds */
  #later(pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#again(), pause);
  }

  /** Ask over HTTP first: it tells a server that is gone from one that does not know us. */
  async #again() {
    if (this.#asleep || this.#socket !== null) {
      return;
    }
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    const status = await fetch("/healthz").then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) {
      this.#become("reconnecting");
      this.open();
      return;
    }
    this.#become(status === 401 ? "foreign" : "stopped");
    this.#later(this.#pause);
  }

  /** @param {State} state */
  #become(state) {
    if (state !== this.#state) {
      this.#state = state;
      clearInterval(this.#polling);
      if (state === "reconnecting") {
        this.#polling = setInterval(() => this.dispatchEvent(new Event("poll")), POLL);
      }
      this.dispatchEvent(new CustomEvent("state", { detail: state }));
    }
  }
}
