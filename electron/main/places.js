// Where things lie: the data directory (the same rule as backend/steelyard/machine/paths.py, which a test
// compares), the logs and the profile in it, the sidecar's program, our own files.

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const NAME = "Steelyard";
const VARIABLE = "STEELYARD_DATA_DIR";
const POINTER = "data-directory.txt";
const ROOT = path.resolve(__dirname, "../..");

/** @typedef {{program: string, arguments: string[]}} Command */

/**
 * The data directory: STEELYARD_DATA_DIR if it is set and not empty, else the one that a person chose, else the
 * platform's place. Absolute.
 * @param {NodeJS.ProcessEnv} environment
 * @param {string} [platform]
 */
function dataDirectory(environment, platform = process.platform) {
  const stated = (environment[VARIABLE] ?? "").trim();
  if (stated !== "") {
    return path.resolve(withHome(stated));
  }
  const place = platformsPlace(environment, platform);
  return chosen(place) ?? place;
}

/** Whether the environment fixes the data directory. @param {NodeJS.ProcessEnv} environment */
function isFixed(environment) {
  return (environment[VARIABLE] ?? "").trim() !== "";
}

/** @param {NodeJS.ProcessEnv} environment @param {string} platform */
function platformsPlace(environment, platform) {
  if (platform === "win32") {
    return path.join(environment.LOCALAPPDATA || path.join(os.homedir(), "AppData", "Local"), NAME);
  }
  if (platform === "darwin") {
    return path.join(os.homedir(), "Library", "Application Support", NAME);
  }
  const base = (environment.XDG_DATA_HOME ?? "").trim();
  return path.join(base === "" ? path.join(os.homedir(), ".local", "share") : base, NAME);
}

/**
 * The data directory that a person chose instead of the platform's place; null: none.
 * @param {string} place
 */
function chosen(place) {
  try {
    const stated = fs.readFileSync(path.join(place, POINTER), "utf8").trim();
    return path.isAbsolute(stated) && !/\p{C}/u.test(stated) ? stated : null;
  } catch {
    return null;
  }
}

/**
 * From the next start on this is the data directory, for program and command line.
 * @param {NodeJS.ProcessEnv} environment
 * @param {string} folder absolute; the platform's place itself ends a choice
 */
function choose(environment, folder) {
  const place = platformsPlace(environment, process.platform);
  const pointer = path.join(place, POINTER);
  if (path.resolve(folder) === path.resolve(place)) {
    fs.rmSync(pointer, { force: true });
    return;
  }
  makePrivate(place);
  fs.writeFileSync(`${pointer}.new`, `${folder}\n`, { mode: 0o600 });
  fs.renameSync(`${pointer}.new`, pointer);
}

/** @param {string} stated */
function withHome(stated) {
  return stated === "~" || /^~[/\\]/.test(stated) ? path.join(os.homedir(), stated.slice(1)) : stated;
}

/**
 * A folder for its owner alone; one that exists is left as it is (the sidecar narrows what is its own).
 * @param {string} folder
 */
function makePrivate(folder) {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/**
 * Electron's profile in the data directory. Where nothing can be written there, a temporary one: the sidecar
 * then says what is wrong, and needs a window to say it in.
 * @param {string} data
 */
function profile(data) {
  try {
    const folder = path.join(data, "electron");
    makePrivate(folder);
    fs.accessSync(folder, fs.constants.W_OK);
    return folder;
  } catch {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "steelyard-"));
    process.once("exit", () => removeProfile(folder));
    return folder;
  }
}

/** @param {string} folder */
function removeProfile(folder) {
  try {
    fs.rmSync(folder, { recursive: true, force: true });
  } catch {
    // Windows removes no file that Chromium still has open; its own cleaning of the temporary folder does later.
  }
}

/**
 * The sidecar's program and first arguments. From source STEELYARD_SIDECAR may name another one.
 * @param {{packaged: boolean, resources: string, environment: NodeJS.ProcessEnv}} where
 * @returns {Command}
 */
function sidecarCommand({ packaged, resources, environment }) {
  const windows = process.platform === "win32";
  if (packaged) {
    const program = path.join(resources, "sidecar", windows ? "steelyard.exe" : "steelyard");
    return { program, arguments: ["serve", "--hello"] };
  }
  const stated = environment.STEELYARD_SIDECAR;
  if (stated) {
    return { program: path.resolve(stated), arguments: ["serve", "--hello"] };
  }
  const python = windows ? [".venv", "Scripts", "python.exe"] : [".venv", "bin", "python"];
  return { program: path.join(ROOT, ...python), arguments: ["-m", "steelyard", "serve", "--hello"] };
}

exports.choose = choose;
exports.dataDirectory = dataDirectory;
exports.isFixed = isFixed;
exports.makePrivate = makePrivate;
exports.profile = profile;
exports.sidecarCommand = sidecarCommand;
/** @param {string} data */
exports.logs = (data) => path.join(data, "logs");
exports.PAGES = path.join(ROOT, "electron", "pages");
exports.PRELOAD = path.join(ROOT, "electron", "preload", "preload.js");
