// Main's own requests to the sidecar: by node:http, which asks no proxy, with the token in the header.

const http = require("node:http");

const MOST = 4 * 1024 * 1024;

/** @typedef {import("./run").Ready} Ready */

/**
 * The JSON that it answers. Rejects for any status but 200, for what is no JSON, and when it takes too long.
 * @param {"GET" | "POST"} method a POST has no body
 * @param {Ready} ready
 * @param {string} path
 * @param {number} limit milliseconds
 * @returns {Promise<any>}
 */
function ask(method, ready, path, limit) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        method,
        host: "127.0.0.1",
        port: ready.port,
        path,
        agent: false,
        headers: { authorization: `Bearer ${ready.token}`, accept: "application/json" },
        signal: AbortSignal.timeout(limit),
      },
      (answer) => {
        /** @type {Buffer[]} */
        const parts = [];
        let size = 0;
        answer.on("data", (/** @type {Buffer} */ part) => {
          size += part.length;
          if (size > MOST) {
            request.destroy(new Error("the answer is too large"));
          }
          parts.push(part);
        });
        answer.on("error", reject);
        answer.on("end", () => {
          try {
            if (answer.statusCode !== 200) {
              throw new Error(`it answered ${answer.statusCode}`);
            }
            resolve(JSON.parse(Buffer.concat(parts).toString("utf8")));
          } catch (error) {
            reject(error);
          }
        });
      },
    );
    request.on("error", reject);
    request.end();
  });
}

/** @param {Ready} ready @param {string} path @param {number} limit */
exports.get = (ready, path, limit) => ask("GET", ready, path, limit);
/** @param {Ready} ready @param {string} path @param {number} limit */
exports.post = (ready, path, limit) => ask("POST", ready, path, limit);
