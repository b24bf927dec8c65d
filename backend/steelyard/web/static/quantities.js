// Sizes and durations for people, in the very words of backend/steelyard/rules/quantities.py.

const SIZE_UNITS = ["KiB", "MiB", "GiB", "TiB"];

/** @type {[string, number][]} */
const DURATION_UNITS = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/**
 * To the nearest whole number, a half to the even one, as Python does.
 * @param {number} value
 */
function rounded(value) {
  const whole = Math.round(value);
  return whole - value === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
}

/**
 * Bytes as "512 B", "1.5 MiB", "500 MiB", "8.0 GiB".
 * @param {number | null | undefined} size
 */
export function formatSize(size) {
  if (size === null || size === undefined) {
    return "–";
  }
  const sign = size < 0 ? "-" : "";
  let left = Math.abs(size);
  if (rounded(left) < 1024) {
    return `${sign}${left.toFixed(0)} B`;
  }
  let unit = "";
  for (unit of SIZE_UNITS) {
    left /= 1024;
    if (rounded(left) < 1024) {
      break;
    }
  }
  return `${sign}${left < 99.95 ? left.toFixed(1) : left.toFixed(0)} ${unit}`;
}

/**
 * Seconds, 0 or more, in the two largest units that say something: "45 s", "3 min 5 s", "2 h 40 min".
 * @param {number} seconds
 */
export function formatDuration(seconds) {
  for (let i = 0; i + 1 < DURATION_UNITS.length; i += 1) {
    const [largeName, large] = DURATION_UNITS[i];
    const [smallName, small] = DURATION_UNITS[i + 1];
    const whole = rounded(seconds / small) * small;
    if (whole >= large) {
      const rest = whole % large;
      return `${Math.floor(whole / large)} ${largeName}${rest ? ` ${rest / small} ${smallName}` : ""}`;
    }
  }
  return `${rounded(seconds)} s`;
}

/**
 * A fraction as "42 %"; never "100 %" before it is.
 * @param {number | null | undefined} fraction
 */
export function formatPercent(fraction) {
  return fraction === null || fraction === undefined ? "–" : `${Math.floor(fraction * 100 + 1e-9)} %`;
}
