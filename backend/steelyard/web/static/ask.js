// One request to our own server, and its answer or its refusal in words.

export class Refusal extends Error {
  /**
   * @param {number} status HTTP status, 0 where there was no answer
   * @param {string} code
   * @param {string} message one sentence that a person understands
   * @param {Record<string, any>} detail
   */
  constructor(status, code, message, detail = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.detail = detail;
  }
}

const SILENCE = "Steelyard does not answer. If it has stopped, start it again.";
const SIGNED_OUT = "Steelyard was started anew since this page was opened. Open its new sign-in link.";

/**
 * @param {string} method
 * @param {string} path
 * @param {object | null} [body] sent as JSON
 * @returns {Promise<Response>}
 * @throws {Refusal} with the sentence of the API's error
 */
async function request(method, path, body = null) {
  /** @type {Record<string, string>} */
  const headers = { "X-Steelyard": "1", Accept: "application/json, text/html;q=0.5" };
  if (body !== null) {
    headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === null ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refusal(0, "unreachable", SILENCE);
  }
  if (!answer.ok) {
    throw await refusal(answer);
  }
  return answer;
}

/**
 * What an answer that is none says.
 * @param {Response} answer
 */
export async function refusal(answer) {
  if (answer.status === 401) {
    return new Refusal(401, "unauthorised", SIGNED_OUT);
  }
  try {
    const { code, message, detail } = (await answer.json()).error;
    return new Refusal(answer.status, code, message, detail);
  } catch {
    return new Refusal(answer.status, "unknown", `Steelyard answered with status ${answer.status}.`);
  }
}

/**
 * The JSON of an answer.
 * @param {string} method
 * @param {string} path
 * @param {object | null} [body]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body = null) {
  return (await request(method, path, body)).json();
}

/**
 * The nodes of a fragment that the server's templates made; it holds no script, and none would run.
 * @param {string} path
 * @returns {Promise<Node[]>}
 */
export async function fragment(path) {
  const text = await (await request("GET", path)).text();
  return [...new DOMParser().parseFromString(text, "text/html").body.childNodes];
}
