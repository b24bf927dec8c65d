// What whoever helps with a problem wants to know, as text for the clipboard. No token, no home directory.

const { app } = require("electron");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const LAST = 6_000;

/**
 * @param {object} given
 * @param {import("./sidecar/keeper").Keeper} given.keeper
 * @param {import("./log").Log} given.log
 * @param {string} given.data
 * @returns {string}
 */
function describe({ keeper, log, data }) {
  const { state } = keeper;
  const lines = [
    `Steelyard ${app.getVersion()} (${app.isPackaged ? "packaged" : "from source"})`,
    `Electron ${process.versions.electron}, Chromium ${process.versions.chrome}, Node.js ${process.versions.node}`,
    `${os.type()} ${os.release()} ${os.arch()}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 20)} MiB`,
    `Data directory: ${data}`,
    `Program: ${keeper.given.command.program}`,
    `State: ${state.name}, generation ${state.generation}, restarts ${state.restarts}`,
    state.cause === null ? "" : `Last cause: ${state.cause.name}: ${state.cause.text}`,
    "",
    "--- electron.log (this run)",
    log.tail().slice(-LAST),
    "--- sidecar.log",
    tailOf(path.join(log.folder, "sidecar.log")),
  ];
  return withoutHome(log.clean(lines.join("\n")));
}

/** @param {string} file */
function tailOf(file) {
  try {
    return fs.readFileSync(file, "utf8").slice(-LAST);
  } catch {
    return "(none)";
  }
}

/** @param {string} text */
function withoutHome(text) {
  const home = os.homedir();
  return home.length > 1 ? text.split(home).join("~") : text;
}

exports.describe = describe;
