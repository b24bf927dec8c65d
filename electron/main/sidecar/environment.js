// What the sidecar gets of our environment: named variables, nothing else (SECURITY 36). Never PYTHON*, LD_*,
// DYLD_*, NODE_*, ELECTRON_*. What its tasks get besides: users_environment.js.

const PREFIXES = ["WORKER_", "STEELYARD_", "LC_"];

const NAMES = new Set([
  // who and where
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "PATH",
  "TMPDIR",
  "LANG",
  "LANGUAGE",
  "TZ",
  "XDG_DATA_HOME",
  "XDG_CONFIG_HOME",
  "XDG_CACHE_HOME",
  "XDG_STATE_HOME",
  "XDG_RUNTIME_DIR",
  // a simulation that draws
  "DISPLAY",
  "WAYLAND_DISPLAY",
  "XAUTHORITY",
  // a simulation that fetches its data through a company's proxy
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  // what Windows needs to start a program at all
  "ALLUSERSPROFILE",
  "APPDATA",
  "COMMONPROGRAMFILES",
  "COMMONPROGRAMFILES(X86)",
  "COMPUTERNAME",
  "COMSPEC",
  "HOMEDRIVE",
  "HOMEPATH",
  "LOCALAPPDATA",
  "NUMBER_OF_PROCESSORS",
  "OS",
  "PATHEXT",
  "PROCESSOR_ARCHITECTURE",
  "PROGRAMDATA",
  "PROGRAMFILES",
  "PROGRAMFILES(X86)",
  "SYSTEMDRIVE",
  "SYSTEMROOT",
  "TEMP",
  "TMP",
  "USERDOMAIN",
  "USERNAME",
  "USERPROFILE",
  "WINDIR",
]);

/** Ours alone: what a test or a developer tells the desktop program. */
const OURS = new Set(["STEELYARD_SIDECAR", "STEELYARD_DESKTOP_TIMINGS"]);

const LOOPBACK = ["127.0.0.1", "localhost", "::1"];

/**
 * The sidecar's environment, made of ours.
 * @param {NodeJS.ProcessEnv} ours
 * @returns {Record<string, string>}
 */
function environmentFor(ours) {
  /** @type {Record<string, string>} */
  const given = {};
  for (const [name, value] of Object.entries(ours)) {
    if (value !== undefined && isAllowed(name)) {
      given[name] = value;
    }
  }
  return withLoopback(given);
}

/**
 * These variables, with no proxy between programs of this machine.
 * @param {Record<string, string>} given
 * @returns {Record<string, string>}
 */
function withLoopback(given) {
  const excepted = (given.NO_PROXY ?? given.no_proxy ?? "").split(",").map((host) => host.trim());
  const hosts = [...new Set([...excepted.filter((host) => host !== ""), ...LOOPBACK])].join(",");
  return { ...given, NO_PROXY: hosts, no_proxy: hosts };
}

/** @param {string} name */
function isAllowed(name) {
  const upper = name.toUpperCase();
  return !OURS.has(upper) && (NAMES.has(upper) || PREFIXES.some((prefix) => upper.startsWith(prefix)));
}

exports.environmentFor = environmentFor;
exports.withLoopback = withLoopback;
