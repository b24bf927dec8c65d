// app://steelyard/...: our own pages from disk, which outlive the sidecar. A fixed list of files, nothing else.

const fs = require("node:fs/promises");
const path = require("node:path");
const { protocol } = require("electron");

const { PAGES } = require("../places");

const SCHEME = "app";
const ORIGIN = `${SCHEME}://steelyard`;

/** @type {Record<string, string>} */
const FILES = {
  "/splash.html": "text/html; charset=utf-8",
  "/splash.js": "text/javascript; charset=utf-8",
  "/lost.html": "text/html; charset=utf-8",
  "/lost.js": "text/javascript; charset=utf-8",
  "/pages.css": "text/css; charset=utf-8",
  "/steelyard.svg": "image/svg+xml",
};

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Before the program is ready: the scheme has an origin of its own, and none of file:'s rights. */
function register() {
  protocol.registerSchemesAsPrivileged([{ scheme: SCHEME, privileges: { standard: true, secure: true } }]);
}

/** @param {Electron.Session} session */
function serve(session) {
  session.protocol.handle(SCHEME, async (request) => {
    // A URL as it stands: whatever was written with dots or percent signs is none of the list's names.
    const type = request.url.startsWith(`${ORIGIN}/`) ? FILES[request.url.slice(ORIGIN.length)] : undefined;
    if (type === undefined || request.method !== "GET") {
      return new Response("Not found", { status: 404, headers: { "content-type": "text/plain" } });
    }
    const content = await fs.readFile(path.join(PAGES, request.url.slice(ORIGIN.length)));
    return new Response(new Uint8Array(content), {
      headers: {
        "content-type": type,
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
      },
    });
  });
}

/** @param {string} url */
function isDiskPage(url) {
  return url.startsWith(`${ORIGIN}/`);
}

exports.register = register;
exports.serve = serve;
exports.isDiskPage = isDiskPage;
exports.ORIGIN = ORIGIN;
