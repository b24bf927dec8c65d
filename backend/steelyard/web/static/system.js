// The page of the system: its log shows its end, where the news is.

function showEnd() {
  const text = document.getElementById("system-log-text");
  if (text !== null && !text.contains(document.activeElement)) {
    text.scrollTop = text.scrollHeight;
  }
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (/** @type {Element} */ (event.target).id === "system-log") {
    showEnd();
  }
});
showEnd();
