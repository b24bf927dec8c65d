// Output as a terminal would have left it, in short: what pages/task_wording.py `plain` does on the server.

// ECMA-48: control sequences, strings that end in BEL or ST (a title, a link), and the two-byte rest.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these characters are what is looked for
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;
// From where a line begins only: tried at each character, a line of 100,000 would hold up the page for seconds.
const OVERWRITTEN = /(?<![^\n\r])[^\n\r]*\r(?=[^\n\r])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f]/g;

// What machine/mark_lines.py leaves out on the server.
const MARKS = /^[ \t]*::steelyard (?:progress|checkpointed)\b[^\r\n]*(?:\r?\n|$(?![\r\n]))/gm;

/**
 * Without the lines by which a program tells Steelyard how far it is.
 * @param {string} text
 */
export function withoutMarks(text) {
  return text.includes("::steelyard ") ? text.replace(MARKS, "") : text;
}

/**
 * Without escape sequences; of a line that was overwritten (a bar drawn with carriage returns) what was
 * written last; other control characters as their pictures (U+2400 on).
 * @param {string} text
 */
export function plain(text) {
  return text
    .replace(ESCAPES, "")
    .replace(/\r\n/g, "\n")
    .replace(OVERWRITTEN, "")
    .replace(/\r/g, "")
    .replace(UNSEEN, (sign) => String.fromCharCode(0x2400 + sign.charCodeAt(0)));
}
