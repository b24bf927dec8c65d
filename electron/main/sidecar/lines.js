// A stream of bytes as lines of JSON. Anything else on it is told apart, and never piles up.

const LONGEST = 256 * 1024;

/** Splits chunks into lines; each is handed on as an object or, where it is none, as junk. */
class Lines {
  /** @type {Buffer[]} */
  #parts = [];
  #held = 0;

  /**
   * @param {(message: Record<string, unknown>) => void} onMessage
   * @param {(text: string) => void} onJunk
   */
  constructor(onMessage, onJunk) {
    this.onMessage = onMessage;
    this.onJunk = onJunk;
  }

  /** @param {Buffer} chunk */
  feed(chunk) {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.#parts.push(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      this.#line();
    }
    if (rest.length > 0) {
      this.#parts.push(rest);
      this.#held += rest.length;
      if (this.#held > LONGEST) {
        this.#line();
      }
    }
  }

  #line() {
    const text = Buffer.concat(this.#parts).toString("utf8");
    this.#parts = [];
    this.#held = 0;
    if (text.trim() === "") {
      return;
    }
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      message = null;
    }
    if (typeof message === "object" && message !== null && typeof message.event === "string") {
      this.onMessage(message);
    } else {
      this.onJunk(text.slice(0, 300));
    }
  }
}

exports.Lines = Lines;
