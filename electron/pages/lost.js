// The sidecar is gone, or does not respond: why, what happens next, and what a person can do.

/**
 * @typedef {object} State
 * @property {string} name
 * @property {string} version
 * @property {{title: string, text: string, remedy: string, name: string} | null} cause
 * @property {number | null} restartIn milliseconds
 * @property {number} restarts
 */

const bridge = /** @type {any} */ (window).steelyard;
/** @type {ReturnType<typeof setInterval> | undefined} */
let countdown;

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {State} state */
function show(state) {
  clearInterval(countdown);
  const silent = state.name === "silent";
  const coming = state.name === "starting" || (state.name === "lost" && state.restartIn !== null);
  if (silent) {
    element("title").textContent = "Steelyard is not responding";
    element("text").textContent =
      "Its engine runs, but has not answered for a while. Tasks may well be running on. You can wait, or start " +
      "it again: tasks then go on from their last checkpoint.";
    element("remedy").textContent = "";
  } else if (state.cause !== null) {
    element("title").textContent = state.cause.title;
    element("text").textContent = state.cause.text;
    element("remedy").textContent = state.cause.remedy;
  }
  element("busy").hidden = !coming;
  element("restart").hidden = coming;
  element("wait").hidden = !silent;
  element("version").textContent = `Steelyard ${state.version}`;
  document.body.dataset.state = state.name;
  document.body.dataset.cause = silent ? "silent" : (state.cause?.name ?? "");
  sayNext(state);
}

/** @param {State} state */
function sayNext({ name, restartIn, restarts }) {
  const line = element("restart-line");
  if (name === "starting") {
    line.textContent = "It is being started again …";
  } else if (name === "lost" && restartIn !== null) {
    const due = Date.now() + restartIn;
    const say = () => {
      const seconds = Math.max(0, Math.ceil((due - Date.now()) / 1000));
      line.textContent =
        seconds === 0 ? "It is being started again …" : `It is started again in ${seconds} s.`;
    };
    say();
    countdown = setInterval(say, 250);
  } else if (name === "lost" && restarts > 0) {
    line.textContent = `It was started again ${restarts} ${restarts === 1 ? "time" : "times"} and is not started by itself any more.`;
  } else {
    line.textContent = "";
  }
}

element("restart").addEventListener("click", () => bridge.restart());
element("wait").addEventListener("click", () => bridge.wait());
element("open-logs").addEventListener("click", () => bridge.openLogs());
element("copy-diagnostics").addEventListener("click", async () => {
  await bridge.copyDiagnostics();
  element("copied").textContent = "Copied. Paste it where you ask for help; it holds no secrets.";
});
bridge.onState(show);
bridge.state().then(show);

export {};
