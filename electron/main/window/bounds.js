// Where the window was, remembered in <data dir>/electron/desktop.json beside the person's desktop choices.

const { screen } = require("electron");

const SMALLEST = { width: 480, height: 360 };
const FIRST = { width: 1180, height: 820 };

/** @typedef {{x?: number, y?: number, width: number, height: number, maximized?: boolean}} Bounds */

/**
 * What was remembered, if it is still on a screen; else the first size.
 * @param {unknown} remembered
 * @returns {Bounds}
 */
function boundsFrom(remembered) {
  const found = /** @type {Record<string, unknown>} */ (
    typeof remembered === "object" && remembered !== null ? remembered : {}
  );
  const { x, y, width, height } = found;
  if (![x, y, width, height].every((value) => Number.isInteger(value))) {
    return { ...FIRST };
  }
  const wanted = {
    x: Number(x),
    y: Number(y),
    width: Math.max(SMALLEST.width, Number(width)),
    height: Math.max(SMALLEST.height, Number(height)),
  };
  const area = screen.getDisplayMatching(wanted).workArea;
  const reachable =
    wanted.x < area.x + area.width - 80 &&
    wanted.x + wanted.width > area.x + 80 &&
    wanted.y >= area.y - 20 &&
    wanted.y < area.y + area.height - 60;
  const size = { width: Math.min(wanted.width, area.width), height: Math.min(wanted.height, area.height) };
  return { ...(reachable ? { x: wanted.x, y: wanted.y } : {}), ...size, maximized: found.maximized === true };
}

/**
 * @param {Electron.BrowserWindow} window
 * @returns {Bounds}
 */
function boundsOf(window) {
  return { ...window.getNormalBounds(), maximized: window.isMaximized() };
}

exports.boundsFrom = boundsFrom;
exports.boundsOf = boundsOf;
exports.SMALLEST = SMALLEST;
