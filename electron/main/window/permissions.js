// What a page may ask the system for: nothing, but to put text on the clipboard when it is ours (SECURITY 32).

/** @type {ReadonlySet<string>} */
const GIVEN = new Set(["clipboard-sanitized-write"]);

/**
 * @param {Electron.Session} session
 * @param {(origin: string) => boolean} isOurs
 */
function denyByDefault(session, isOurs) {
  session.setPermissionRequestHandler((_contents, permission, answer, details) => {
    answer(GIVEN.has(permission) && details.isMainFrame && isOurs(originOf(details.requestingUrl)));
  });
  session.setPermissionCheckHandler((_contents, permission, origin, details) => {
    return GIVEN.has(permission) && details.isMainFrame && isOurs(originOf(origin));
  });
  session.setDevicePermissionHandler(() => false);
  // Without a handler of ours getDisplayMedia() is refused; one that names no stream ends Electron 25.
}

/** @param {string | undefined} url */
function originOf(url) {
  try {
    return new URL(url ?? "").origin;
  } catch {
    return "";
  }
}

exports.denyByDefault = denyByDefault;
exports.originOf = originOf;
