// What Electron's own default app does, as far as we need it: `electron [-r module] directory` runs that program.

const { app } = require("electron");
const Module = require("node:module");
const path = require("node:path");

const rest = process.argv.slice(1);
/** @type {string[]} */
const first = [];
let directory = "";
for (let at = 0; at < rest.length; at += 1) {
  if (rest[at] === "-r" || rest[at] === "--require") {
    first.push(rest[at + 1]);
    at += 1;
  } else if (!rest[at].startsWith("-") && directory === "") {
    directory = path.resolve(rest[at]);
  }
}
for (const name of first) {
  require(path.resolve(name));
}
const manifest = require(path.join(directory, "package.json"));
app.setName(manifest.productName ?? manifest.name);
// Not documented, and what Electron's own does.
/** @type {any} */ (app).setVersion(manifest.version);
/** @type {any} */ (app).setAppPath(directory);
// As for the real one: the program is the main module.
/** @type {any} */ (Module)._load(path.join(directory, manifest.main), /** @type {any} */ (Module), true);
