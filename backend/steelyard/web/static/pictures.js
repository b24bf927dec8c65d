// What is called .png may be anything: then words take the picture's place.

/** @type {WeakMap<HTMLImageElement, string>} Pictures that cannot be shown, with the address that was tried. */
const failed = new WeakMap();

/** @param {HTMLImageElement} image */
function trouble(image) {
  failed.set(image, image.src);
  image.hidden = true;
  const words = image.closest("[data-picture]")?.querySelector(".file-trouble");
  if (words instanceof HTMLElement) {
    words.hidden = false;
  }
}

/** @returns {HTMLImageElement[]} */
function pictures() {
  return [...document.querySelectorAll("img")].filter((image) => image.closest("[data-picture]"));
}

/** Listen to every picture that there is or will be. */
export function start() {
  // `error` does not bubble, hence the capture.
  document.addEventListener(
    "error",
    (event) => {
      if (event.target instanceof HTMLImageElement) {
        trouble(event.target);
      }
    },
    true,
  );
  // A fragment that is fetched again shows the picture again, and the browser does not fail at it twice.
  document.addEventListener("htmx:afterSwap", () => {
    for (const image of pictures().filter((one) => failed.get(one) === one.src)) {
      trouble(image);
    }
  });
  for (const image of pictures()) {
    // It may have failed before this module ran: then it fails once more, and is heard.
    if (image.complete && image.naturalWidth === 0) {
      image.setAttribute("src", image.getAttribute("src") ?? "");
    }
  }
}
