// One beat a second for all that changes by itself: times, figures, trends. Together they cost one layout and
// one paint a second; each at its own moment cost five, and twice the processor time.

/** @type {(() => void)[]} */
const called = [];

/** @param {() => void} what called at every beat while the page is shown */
export function onBeat(what) {
  called.push(what);
}

function beat() {
  if (!document.hidden) {
    for (const what of called) {
      what();
    }
  }
}

/** Begin. */
export function start() {
  setInterval(beat, 1000);
  document.addEventListener("visibilitychange", beat);
}
