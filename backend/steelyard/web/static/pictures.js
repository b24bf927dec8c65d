// What is called .png may be anything: then words take the picture's place.

/** @param {HTMLImageElement} image */
function trouble(image) {
  image.hidden = true;
  const words = image.closest("[data-picture]")?.querySelector(".file-trouble");
  if (words instanceof HTMLElement) {
    words.hidden = false;
  }
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
  for (const image of document.querySelectorAll("[data-picture] img")) {
    // It may have failed before this module ran: then it fails once more, and is heard.
    if (image instanceof HTMLImageElement && image.complete && image.naturalWidth === 0) {
      const { src } = image;
      image.src = src;
    }
  }
}
