// What a file holds is read when it is opened, each time anew: a task that runs may have written more, and what
// failed once need not fail again.

import { fragment, Refusal } from "./ask.js";

/** @param {Element} shown its <details>; what is read replaces what stands in it */
async function read(shown) {
  const body = shown.querySelector(":scope > [data-reads]");
  if (!(body instanceof HTMLElement)) {
    return;
  }
  try {
    body.replaceChildren(...(await fragment(body.dataset.reads ?? "")));
  } catch (error) {
    if (!(error instanceof Refusal)) {
      throw error;
    }
    const words = document.createElement("p");
    words.className = "file-trouble";
    words.textContent = error.message;
    body.replaceChildren(words);
  }
}

/** Listen to every file that there is or will be. */
export function start() {
  // `toggle` does not bubble, hence the capture.
  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (target instanceof HTMLDetailsElement && target.open) {
        read(target);
      }
    },
    true,
  );
  // Quick hands open one before this module runs.
  for (const shown of document.querySelectorAll("details[open]")) {
    read(shown);
  }
}
