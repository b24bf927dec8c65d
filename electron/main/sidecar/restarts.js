// How often, and after what pause, a sidecar that died is started again. Pure: time is an argument.

/** At most as many restarts as there are pauses within a window; then a person decides. */
class Restarts {
  /** @type {number[]} */
  #made = [];

  /**
   * @param {readonly number[]} pauses milliseconds before the first, second, ... restart of a window
   * @param {number} window milliseconds
   */
  constructor(pauses, window) {
    this.pauses = pauses;
    this.window = window;
  }

  /**
   * The pause before the restart that is now due, which then counts as made; null: there were enough.
   * @param {number} now milliseconds
   */
  next(now) {
    this.#made = this.#made.filter((moment) => now - moment < this.window);
    if (this.#made.length >= this.pauses.length) {
      return null;
    }
    const pause = this.pauses[this.#made.length];
    this.#made.push(now);
    return pause;
  }

  /** Which restart of the window the last one was, from 1. */
  get count() {
    return this.#made.length;
  }

  /** A person has taken it in hand. */
  forget() {
    this.#made = [];
  }
}

exports.Restarts = Restarts;
