// Sections that fold, `<details data-remember id="...">`, stay as a person left them: on every page, and in
// the next launch. In a cookie, which the server reads as it draws the page, so that nothing jumps; and because
// localStorage is kept by port, which is another one at every start.

const COOKIE = "steelyard-folded";
const YEAR = 365 * 86400;

/** @returns {Set<string>} ids of folded sections */
function folded() {
  const pair = document.cookie.split("; ").find((one) => one.startsWith(`${COOKIE}=`));
  return new Set(
    pair
      ?.slice(COOKIE.length + 1)
      .split(".")
      .filter(Boolean),
  );
}

/** Open the section that the address names: who follows a link to it wants to see it. */
function openNamed() {
  const section = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  if (section instanceof HTMLDetailsElement && !section.open) {
    section.open = true;
    section.scrollIntoView();
  }
}

/** Listen. */
export function start() {
  // `toggle` does not bubble, hence the capture.
  document.addEventListener(
    "toggle",
    (event) => {
      const section = event.target;
      if (!(section instanceof HTMLDetailsElement && section.hasAttribute("data-remember"))) {
        return;
      }
      const sections = folded();
      if (section.open) {
        sections.delete(section.id);
      } else {
        sections.add(section.id);
      }
      // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every engine yet.
      document.cookie = `${COOKIE}=${[...sections].join(".")}; Path=/; SameSite=Strict; Max-Age=${YEAR}`;
    },
    true,
  );
  addEventListener("hashchange", openNamed);
  openNamed();
}
