// Runs before the first paint, so that nothing flashes or jumps: light or dark by the system, and sections
// that were folded away stay so. The only script that is no module: a module would run too late.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  function paint() {
    root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  }

  /** @param {Element} section */
  function key(section) {
    return `steelyard.folded.${section.id}`;
  }

  /** @param {Node} node */
  function fold(node) {
    if (node instanceof HTMLDetailsElement && node.hasAttribute("data-remember")) {
      try {
        if (localStorage.getItem(key(node)) === "1" && location.hash !== `#${node.id}`) {
          node.open = false;
        }
      } catch {
        // A browser that keeps nothing for us: everything starts unfolded.
      }
    }
  }

  paint();
  dark.addEventListener("change", paint);

  // The parser's additions are seen before they are painted.
  const observer = new MutationObserver((records) => {
    for (const record of records) {
      record.addedNodes.forEach(fold);
    }
  });
  observer.observe(root, { childList: true, subtree: true });
  document.addEventListener("DOMContentLoaded", () => {
    observer.disconnect();
    // From here on only a person folds; `toggle` does not bubble, hence the capture.
    document.addEventListener(
      "toggle",
      (event) => {
        const section = event.target;
        if (section instanceof HTMLDetailsElement && section.hasAttribute("data-remember")) {
          try {
            localStorage.setItem(key(section), section.open ? "0" : "1");
          } catch {
            // As above.
          }
        }
      },
      true,
    );
  });
})();
