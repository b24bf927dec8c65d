// Notices at the edge of the page: what was done, what was refused, what the program wants a person to know.

import { fragment, Refusal } from "./ask.js";

const SHOWN_FOR = 8000;
/** Milliseconds that good news stays; what was refused, and what the program says, stays until dismissed. */
const MOST = 4;
const LONGEST = 600;
/** Characters of one notice: no sentence of ours is longer, but what it quotes may be. */
const COOKIE = "steelyard-heard";
/** The number of the last event whose notice was dismissed. A cookie, for the reason that folding.js gives. */
const YEAR = 365 * 86400;

/**
 * @param {string} text shown as text, whatever it holds
 * @param {"done" | "refused" | "prompt"} [kind]
 * @param {() => void} [dismissed] called when a person has dismissed it
 */
export function say(text, kind = "done", dismissed = undefined) {
  const region = document.getElementById("notices");
  const template = document.getElementById("notice-template");
  if (region === null || !(template instanceof HTMLTemplateElement)) {
    return;
  }
  const notice = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  notice.dataset.kind = kind;
  const words = /** @type {HTMLElement} */ (notice.querySelector(".notice-text"));
  words.textContent = text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
  notice.querySelector("button")?.addEventListener("click", () => {
    notice.remove();
    leave(region, notice);
    dismissed?.();
  });
  region.append(notice);
  while (region.childElementCount > MOST) {
    region.firstElementChild?.remove();
  }
  // The other way round than elsewhere: the region's list runs upwards.
  region.scrollTop = -region.scrollHeight;
  if (kind === "done") {
    setTimeout(() => leave(region, notice), SHOWN_FOR);
  }
}

/**
 * Take a notice away by itself: its place is kept as long as another one rests on it.
 * @param {HTMLElement} region
 * @param {HTMLElement} notice
 */
function leave(region, notice) {
  notice.hidden = true;
  while (region.lastElementChild?.hasAttribute("hidden")) {
    region.lastElementChild.remove();
  }
}

/** @returns {number} */
function heard() {
  const pair = document.cookie.split("; ").find((one) => one.startsWith(`${COOKIE}=`));
  return Number(pair?.slice(COOKIE.length + 1)) || 0;
}

/** @param {number} seq */
function hear(seq) {
  const last = Math.max(seq, heard());
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every engine yet.
  document.cookie = `${COOKIE}=${last}; Path=/; SameSite=Strict; Max-Age=${YEAR}`;
}

/** What was said while no page was open. */
async function catchUp() {
  try {
    for (const node of await fragment(`/htmx/notices/?since=${heard()}`)) {
      if (node instanceof HTMLElement && node.dataset.seq !== undefined) {
        const seq = Number(node.dataset.seq);
        say(node.textContent ?? "", "prompt", () => hear(seq));
      }
    }
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    // The connection says by itself that nobody answers.
  }
}

/** Show what the server wants a person to know. */
export function start() {
  catchUp();
  document.addEventListener("steelyard:prompt", (event) => {
    const { prompt, seq } = /** @type {CustomEvent} */ (event).detail;
    say(String(prompt?.text ?? ""), "prompt", () => hear(Number(seq) || 0));
  });
}
