// Notices at the edge of the page: what was done, what was refused, what the program wants a person to know.

const SHOWN_FOR = 8000;
/** Milliseconds that good news stays; what was refused, and what the program says, stays until dismissed. */
const MOST = 4;

/**
 * @param {string} text shown as text, whatever it holds
 * @param {"done" | "refused" | "prompt"} [kind]
 */
export function say(text, kind = "done") {
  const region = document.getElementById("notices");
  const template = document.getElementById("notice-template");
  if (region === null || !(template instanceof HTMLTemplateElement)) {
    return;
  }
  const notice = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  notice.dataset.kind = kind;
  const words = /** @type {HTMLElement} */ (notice.querySelector(".notice-text"));
  words.textContent = text;
  notice.querySelector("button")?.addEventListener("click", () => notice.remove());
  region.append(notice);
  while (region.childElementCount > MOST) {
    region.firstElementChild?.remove();
  }
  if (kind === "done") {
    setTimeout(() => notice.remove(), SHOWN_FOR);
  }
}

/** Show what the server wants a person to know. */
export function start() {
  document.addEventListener("steelyard:prompt", (event) => {
    const { prompt } = /** @type {CustomEvent} */ (event).detail;
    say(String(prompt?.text ?? ""), "prompt");
  });
}
