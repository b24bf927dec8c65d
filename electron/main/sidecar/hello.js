// The first line to a sidecar, and the proof that whoever answers is the one that got it.

const crypto = require("node:crypto");

const { hello: SHARED } = require("../../../shared/protocol.json");

/**
 * @typedef {object} Hello
 * @property {number} v
 * @property {string} token 32 random bytes, hex
 * @property {string} instance
 * @property {string} nonce
 * @property {{pid: number}} parent
 * @property {string} data_dir
 * @property {number | "restore"} workers
 * @property {boolean} environment_follows the user's variables come in a line of their own, and no task before
 */

/**
 * A new token, instance and nonce each time.
 * @param {string} dataDirectory
 * @param {number | "restore"} workers
 * @returns {Hello}
 */
function makeHello(dataDirectory, workers) {
  return {
    v: SHARED.v,
    token: crypto.randomBytes(32).toString("hex"),
    instance: crypto.randomUUID(),
    nonce: crypto.randomBytes(16).toString("hex"),
    parent: { pid: process.pid },
    data_dir: dataDirectory,
    workers,
    environment_follows: true,
  };
}

/**
 * What the sidecar must answer for that port: HMAC-SHA256 with the token over nonce, instance and port.
 * @param {Hello} hello
 * @param {number} port
 */
function proofFor(hello, port) {
  const key = Buffer.from(hello.token, "hex");
  return crypto.createHmac("sha256", key).update(`${hello.nonce}${hello.instance}${port}`).digest();
}

/**
 * What is wrong with a ready line; null if it is from the sidecar that got this hello.
 * @param {Hello} hello
 * @param {Record<string, unknown>} ready
 */
function wrongWith(hello, ready) {
  const { port, proof } = ready;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65535) {
    return "it names no port";
  }
  if (ready.url !== `http://127.0.0.1:${port}/`) {
    return "its address is not on this machine";
  }
  if (ready.instance !== hello.instance) {
    return "it is another instance";
  }
  if (typeof proof !== "string" || !/^[0-9a-f]{64}$/i.test(proof)) {
    return "it brings no proof";
  }
  return crypto.timingSafeEqual(Buffer.from(proof, "hex"), proofFor(hello, port))
    ? null
    : "its proof is wrong";
}

exports.makeHello = makeHello;
exports.proofFor = proofFor;
exports.wrongWith = wrongWith;
