// The desktop program's entry: what has to be settled before Electron is ready, in the order in which it must.

const { app } = require("electron");
const path = require("node:path");

const diskPages = require("./window/disk_pages");
const places = require("./places");
const { ChoiceFile } = require("./desktop/choices");
const { Log } = require("./log");
const { Preferences } = require("./preferences");
const { Program } = require("./program");
const { Keeper } = require("./sidecar/keeper");
const { asksOnce } = require("./sidecar/users_environment");
const { Tally } = require("./tally");
const { timings: timingsFrom } = require("./timings");
const { guard } = require("./window/navigation");
const { Door } = require("./window/session");

const began = Date.now();
const data = places.dataDirectory(process.env);
const profile = places.profile(data);
// The lock of the single instance lies in the profile: one program a data directory.
app.setPath("userData", profile);
app.setPath("sessionData", profile);
app.setPath("crashDumps", path.join(profile, "crashes"));

if (app.requestSingleInstanceLock()) {
  run();
} else {
  // The one that has the lock shows its window.
  app.exit(0);
}

function run() {
  const log = new Log(places.logs(data));
  const timings = timingsFrom(process.env, app.isPackaged);
  log.say(`Steelyard ${app.getVersion()}, Electron ${process.versions.electron}, process ${process.pid}`);
  process.on("uncaughtException", (error) => log.say(`uncaught: ${error.stack}`));
  process.on("unhandledRejection", (reason) => log.say(`unhandled: ${reason}`));

  const command = places.sidecarCommand({
    packaged: app.isPackaged,
    resources: process.resourcesPath,
    environment: process.env,
  });
  const preferences = new Preferences(data, log);
  const keeper = new Keeper({
    command,
    data,
    version: app.getVersion(),
    timings,
    log,
    usersEnvironment: asksOnce(process.env, timings.shellLimit, log),
  });
  const tally = new Tally();
  // From the first message on, which may come before there is a window.
  keeper.on("message", (/** @type {any} */ message) => {
    const ended = tally.hear(message);
    if (ended !== null) {
      keeper.emit("task-ended", ended);
    }
  });
  diskPages.register();
  if (!app.commandLine.hasSwitch("no-sandbox")) {
    app.enableSandbox(); // With --no-sandbox (root, in a test) the two together keep Chromium from starting.
  }
  // Pages of text need no graphics card: without its process the window is there sooner, and it is free for tasks.
  app.disableHardwareAcceleration();

  app.whenReady().then(() => {
    const door = new Door(log);
    guard(door, log);
    door.prepare();
    const choices = new ChoiceFile(profile, log);
    new Program({ began, choices, data, door, keeper, log, preferences, tally, timings }).open();
  });
}
