// Whether the sidecar responds: to a line on its stdin, and to a request as every page makes them. One may answer
// without the other: its event loop may stand still, or nothing may listen on its port any more.

/** @typedef {"line" | "request"} Way */

class Pulse {
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** @type {Record<Way, number>} how often in a row no answer had come when the next one was due */
  #misses = { line: 0, request: 0 };
  #last = 0;
  #run = 0;
  #asleep = false;
  #silent = false;

  /**
   * @param {object} given
   * @param {import("../timings").Timings} given.timings
   * @param {() => void} given.line writes a ping; answered() tells that its pong came
   * @param {() => Promise<unknown>} given.request is fulfilled when it was answered
   * @param {(silent: boolean, way: Way) => void} given.changed by which way nothing came, or all do again
   */
  constructor(given) {
    this.given = given;
  }

  start() {
    const { pingEvery } = this.given.timings;
    this.stop();
    this.#silent = false;
    this.#last = Date.now();
    this.#timer = setInterval(() => this.#beat(), pingEvery);
  }

  stop() {
    clearInterval(this.#timer);
    this.#run += 1;
    this.#forget();
  }

  /** The machine sleeps: nothing counts as missed. @param {boolean} asleep */
  sleep(asleep) {
    this.#asleep = asleep;
    this.#forget();
  }

  /** @param {Way} way */
  answered(way) {
    this.#misses[way] = 0;
    const { misses } = this.given.timings;
    if (this.#silent && this.#misses.line < misses && this.#misses.request < misses) {
      this.#silent = false;
      this.given.changed(false, way);
    }
  }

  #beat() {
    const { pingEvery, misses } = this.given.timings;
    const late = Date.now() - this.#last > 3 * pingEvery;
    this.#last = Date.now();
    if (this.#asleep || late) {
      // The machine slept, or this program did: the sidecar has had no chance to answer.
      this.#forget();
    } else if (!this.#silent && Math.max(this.#misses.line, this.#misses.request) >= misses) {
      this.#silent = true;
      this.given.changed(true, this.#misses.line >= misses ? "line" : "request");
    }
    this.#misses.line += 1;
    this.#misses.request += 1;
    const run = this.#run;
    this.given.line();
    this.given.request().then(
      () => run === this.#run && this.answered("request"),
      () => undefined, // It stays a miss.
    );
  }

  #forget() {
    this.#misses = { line: 0, request: 0 };
  }
}

exports.Pulse = Pulse;
