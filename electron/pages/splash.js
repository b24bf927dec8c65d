// The splash: what the sidecar is at, and after a while that it takes longer than usual.

/** @type {Record<string, string>} */
const WORDS = {
  locking: "Opening the data directory …",
  checking: "Checking the database …",
  backing_up: "Backing up the database …",
  migrating: "Bringing the database up to date …",
  recovering: "Finding what an earlier run left …",
  starting: "Starting the engine …",
};

const bridge = /** @type {any} */ (window).steelyard;

/** @param {{phase: string}} state */
function show({ phase }) {
  const place = document.getElementById("phase");
  if (place !== null) {
    place.textContent = WORDS[phase] ?? (phase === "" ? "Starting …" : `Starting: ${phase} …`);
  }
}

async function begin() {
  bridge.onState(show);
  const state = await bridge.state();
  show(state);
  setTimeout(() => {
    document.getElementById("longer")?.removeAttribute("hidden");
  }, state.longerAfter);
}

void begin();

export {};
