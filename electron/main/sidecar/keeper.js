// Keeps a sidecar running: starts it, makes sure that it is ours, pings it, and starts it again when it died.
//
// Each run has a generation. What an earlier one still says is not heard.

const { EventEmitter } = require("node:events");

const { get } = require("./api");
const { causeOf } = require("./causes");
const { kernelKills, learn } = require("./facts");
const { Restarts } = require("./restarts");
const { Run } = require("./run");

/** @typedef {import("./causes").Cause} Cause */
/**
 * What a page from disk shows.
 * @typedef {object} State
 * @property {"starting" | "ready" | "silent" | "lost" | "leaving" | "gone"} name
 * @property {number} generation
 * @property {string} phase while it starts: what it is at
 * @property {Cause | null} cause why the last one was lost
 * @property {number | null} restartIn milliseconds; null: not by itself
 * @property {number} restarts how many of this window were made
 */

/** Emits "state" (State), "ready" (Ready), "message" (of the WebSocket), "lost" (Cause), "gone". */
class Keeper extends EventEmitter {
  /** @type {Run | null} */
  #run = null;
  /** @type {import("./push").Push | null} */
  #push = null;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** @type {NodeJS.Timeout | undefined} */
  #pinging;
  /** @type {number | null} */
  #kills = null;
  #generation = 0;
  #misses = 0;
  #lastPing = 0;
  #asleep = false;
  #leaving = false;
  #crashed = false;

  /**
   * @param {object} given
   * @param {import("../places").Command} given.command
   * @param {string} given.data
   * @param {string} given.version
   * @param {import("../timings").Timings} given.timings
   * @param {import("../log").Log} given.log
   * @param {() => Promise<import("./users_environment").Given>} given.usersEnvironment
   */
  constructor(given) {
    super();
    this.given = given;
    this.restarts = new Restarts(given.timings.backOff, given.timings.restartWindow);
    /** @type {State} */
    this.state = { name: "starting", generation: 0, phase: "", cause: null, restartIn: null, restarts: 0 };
  }

  /** The run that is there and proved; null between two. */
  get ready() {
    return this.state.name === "ready" || this.state.name === "silent" ? (this.#run?.ready ?? null) : null;
  }

  get isGone() {
    return this.state.name === "gone";
  }

  start() {
    clearTimeout(this.#timer);
    if (this.#leaving) {
      return;
    }
    this.#generation += 1;
    this.#kills = kernelKills();
    const workers = this.#crashed ? "restore" : 0;
    const run = new Run({ ...this.given, generation: this.#generation, workers });
    this.#run = run;
    this.#become({ name: "starting", generation: run.generation, phase: "", restartIn: null });
    const current = (/** @type {(value: any) => void} */ hear) => (/** @type {any} */ value) => {
      if (this.#run === run) {
        hear(value);
      } else {
        this.given.log.say(`sidecar ${run.generation}: a late event was left alone`);
      }
    };
    run.on(
      "phase",
      current(({ name, detail }) => this.#phase(name, detail)),
    );
    run.on(
      "ready",
      current((ready) => this.#connect(run, ready)),
    );
    run.on(
      "pong",
      current(() => this.#pong()),
    );
    run.on(
      "ended",
      current((ending) => this.#ended(ending)),
    );
    run.start();
  }

  /** A person wants it started, whatever was before; one that hangs is ended first. */
  restart() {
    this.restarts.forget();
    if (this.#run !== null && !this.#run.isOver) {
      this.#run.condemn({ kind: "asked" });
    } else {
      this.start();
    }
  }

  /** @param {object} message a line for the sidecar */
  tell(message) {
    this.#run?.tell(message);
  }

  /** The machine sleeps: nothing counts as missed. @param {boolean} asleep */
  sleep(asleep) {
    this.#asleep = asleep;
    this.#misses = 0;
  }

  /**
   * Leave. "gone" comes when the process is gone. May be called again with a nearer deadline.
   * @param {"drain" | "stop"} mode
   * @param {number | null} deadline milliseconds
   */
  leave(mode, deadline) {
    this.#leaving = true;
    clearTimeout(this.#timer);
    if (this.#run === null || this.#run.isOver) {
      this.#gone();
      return;
    }
    this.#run.leave(mode, deadline);
    if (mode === "stop") {
      this.#stopPinging();
    }
    this.#become({ name: this.ready !== null && mode === "drain" ? this.state.name : "leaving" });
  }

  /** @param {string} name @param {string} detail */
  #phase(name, detail) {
    this.given.log.say(`sidecar ${this.#generation}: ${name} ${detail}`);
    this.#become({ phase: name });
  }

  /**
   * One request that needs the token and the WebSocket's first message; only then it counts as there.
   * @param {Run} run
   * @param {import("./run").Ready} ready
   */
  async #connect(run, ready) {
    const limit = this.given.timings.answerLimit;
    // Here and not above: loading ws takes longer than all the rest of main, and no window should wait for it.
    const { Push } = require("./push");
    const push = new Push(ready);
    try {
      await get(ready, "/api/system/", limit);
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("the WebSocket is silent")), limit);
        push.once("message", (message) => {
          clearTimeout(timer);
          resolve(message);
        });
        push.on("message", (message) => {
          if (this.#run === run) {
            this.emit("message", message);
          }
        });
        push.open();
      });
    } catch (error) {
      push.close();
      run.condemn({ kind: "unanswered", detail: this.given.log.clean(/** @type {Error} */ (error).message) });
      return;
    }
    if (this.#run !== run || run.isOver || this.#leaving) {
      push.close();
      return;
    }
    this.#push = push;
    this.#crashed = true; // From now on an end that nobody asked for is a crash, and its workers come back.
    this.given.log.say(`sidecar ${run.generation}: ready`);
    this.#become({ name: "ready", phase: "", cause: null });
    this.#startPinging();
    this.emit("ready", ready);
  }

  /** @param {import("./causes").Ending} ending */
  #ended(ending) {
    this.#stopPinging();
    this.#push?.close();
    this.#push = null;
    if (this.#leaving) {
      this.#gone();
      return;
    }
    const facts = learn({
      program: this.given.command.program,
      data: this.given.data,
      killsBefore: this.#kills,
    });
    const cause = causeOf({ ...ending, wasReady: ending.wasReady || this.#crashed }, facts);
    const pause = cause.restart ? this.restarts.next(performance.now()) : null;
    this.given.log.say(
      `sidecar lost: ${cause.name}. ${cause.text} ${pause === null ? "Not restarted" : `Restart in ${pause} ms`}`,
    );
    this.#become({ name: "lost", cause, restartIn: pause, restarts: this.restarts.count });
    this.emit("lost", cause);
    if (pause !== null) {
      this.#timer = setTimeout(() => this.start(), pause);
    }
  }

  #gone() {
    this.#stopPinging();
    this.#push?.close();
    if (!this.isGone) {
      this.#become({ name: "gone" });
      this.emit("gone");
    }
  }

  #startPinging() {
    const { pingEvery, misses } = this.given.timings;
    this.#stopPinging();
    this.#misses = 0;
    this.#lastPing = Date.now();
    this.#pinging = setInterval(() => {
      const late = Date.now() - this.#lastPing > 3 * pingEvery;
      this.#lastPing = Date.now();
      if (this.#asleep || late) {
        // The machine slept, or this program did: the sidecar has had no chance to answer.
        this.#misses = 0;
      } else if (this.#misses >= misses && this.state.name === "ready") {
        this.given.log.say(`sidecar ${this.#generation}: not responding`);
        this.#become({ name: "silent" });
      }
      this.#misses += 1;
      this.tell({ type: "ping" });
    }, pingEvery);
  }

  #stopPinging() {
    clearInterval(this.#pinging);
  }

  #pong() {
    this.#misses = 0;
    if (this.state.name === "silent") {
      this.given.log.say(`sidecar ${this.#generation}: responds again`);
      this.#become({ name: "ready" });
    }
  }

  /** @param {Partial<State>} change */
  #become(change) {
    this.state = { ...this.state, ...change };
    this.emit("state", this.state);
  }
}

exports.Keeper = Keeper;
