// Runs before the first paint, so that nothing flashes: light or dark, as the system is. The only script that
// is no module: a module would run too late.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function paint() {
    document.documentElement.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  }

  paint();
  dark.addEventListener("change", paint);
})();
