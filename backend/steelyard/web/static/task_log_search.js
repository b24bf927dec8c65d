// Search within the output shown: every match marked, one after the other brought into view.

const MOST = 2000;
/** Matches marked. */

export class Search {
  /**
   * @param {HTMLElement} text the element whose one text node is searched
   * @param {() => void} found called when a match is brought into view
   */
  constructor(text, found) {
    this.text = text;
    this.found = found;
    /** @type {Range[]} */
    this.ranges = [];
    this.current = -1;
    this.more = false;
    this.words = /** @type {HTMLInputElement} */ (document.getElementById("log-search"));
    this.says = /** @type {HTMLElement} */ (document.getElementById("log-matches"));
    this.words.addEventListener("input", () => {
      this.current = -1;
      this.again();
      this.step(0);
    });
    this.words.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.step(event.shiftKey ? -1 : 1);
      }
    });
    document.getElementById("log-next")?.addEventListener("click", () => this.step(1));
    document.getElementById("log-previous")?.addEventListener("click", () => this.step(-1));
  }

  /** Look again: the words or the text have changed. */
  again() {
    const node = this.text.firstChild;
    const words = this.words.value.toLowerCase();
    this.ranges = [];
    this.more = false;
    if (node !== null && words !== "") {
      const all = (node.textContent ?? "").toLowerCase();
      for (let at = all.indexOf(words); at >= 0; at = all.indexOf(words, at + words.length)) {
        if (this.ranges.length === MOST) {
          this.more = true;
          break;
        }
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, Math.min(at + words.length, node.textContent?.length ?? 0));
        this.ranges.push(range);
      }
    }
    this.current = Math.min(this.current, this.ranges.length - 1);
    this.mark();
  }

  /** @param {number} by 1 for the next match, -1 for the one before, 0 for the first at all */
  step(by) {
    const count = this.ranges.length;
    if (count === 0) {
      return;
    }
    this.current = this.current < 0 ? (by < 0 ? count - 1 : 0) : (this.current + by + count) % count;
    this.mark();
    this.found();
    const place = this.ranges[this.current].getBoundingClientRect();
    const box = this.text.getBoundingClientRect();
    this.text.scrollTop += place.top - box.top - box.height / 2;
    this.text.scrollLeft += place.left > box.right || place.left < box.left ? place.left - box.left - 40 : 0;
  }

  mark() {
    const highlights = /** @type {any} */ (CSS).highlights;
    if (highlights !== undefined && typeof Highlight !== "undefined") {
      const current = this.ranges[this.current];
      highlights.set("log-match", new Highlight(...this.ranges));
      highlights.set("log-current", new Highlight(...(current ? [current] : [])));
    }
    const count = `${this.ranges.length}${this.more ? " and more" : ""}`;
    const at = this.current >= 0 ? `${this.current + 1} of ${count}` : `${count} found`;
    this.says.textContent = this.words.value === "" ? "" : this.ranges.length === 0 ? "nothing found" : at;
  }
}
