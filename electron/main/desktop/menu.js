// The menu, with the shortcuts that people expect on each system.

const { app, Menu } = require("electron");

/**
 * @typedef {object} Actions
 * @property {(place: string) => void} go
 * @property {() => void} hide
 * @property {() => void} quit
 * @property {(paused: boolean) => void} pauseQueue
 * @property {() => void} openLogs
 * @property {() => void} copyDiagnostics
 * @property {() => void} exportDiagnostics
 * @property {() => void} openData
 * @property {() => void} chooseData
 * @property {boolean} dataIsFixed the environment says where the data lies
 * @property {() => void} openSimulations
 */

/** @param {Actions} actions */
function setMenu(actions) {
  Menu.setApplicationMenu(Menu.buildFromTemplate(template(actions)));
}

/**
 * @param {Actions} actions
 * @returns {Electron.MenuItemConstructorOptions[]}
 */
function template(actions) {
  const mac = process.platform === "darwin";
  /** @type {Electron.MenuItemConstructorOptions} */
  const preferences = {
    id: "preferences",
    label: "Preferences…",
    accelerator: "CommandOrControl+,",
    click: () => actions.go("/preferences/"),
  };
  /** @type {Electron.MenuItemConstructorOptions} */
  const quit = {
    id: "quit",
    label: "Quit Steelyard",
    accelerator: "CommandOrControl+Q",
    click: () => actions.quit(),
  };
  /** @type {Electron.MenuItemConstructorOptions[]} */
  const ofMac = [
    {
      label: app.name,
      submenu: [
        { role: "about" },
        { type: "separator" },
        preferences,
        { type: "separator" },
        { role: "hide" },
        { role: "hideOthers" },
        { role: "unhide" },
        { type: "separator" },
        quit,
      ],
    },
  ];
  return [
    ...(mac ? ofMac : []),
    {
      label: "&File",
      submenu: [
        {
          id: "submit",
          label: "New Task…",
          accelerator: "CommandOrControl+N",
          click: () => actions.go("/submit/"),
        },
        { type: "separator" },
        { label: "Open Data Directory", click: () => actions.openData() },
        {
          id: "choose-data",
          label: actions.dataIsFixed
            ? "Data Directory Is Set by STEELYARD_DATA_DIR"
            : "Choose Data Directory…",
          enabled: !actions.dataIsFixed,
          click: () => actions.chooseData(),
        },
        { label: "Open Simulations Folder", click: () => actions.openSimulations() },
        { type: "separator" },
        {
          label: "Keep Running in the Background",
          accelerator: "CommandOrControl+Shift+H",
          click: () => actions.hide(),
        },
        ...(mac ? [] : [preferences, /** @type {const} */ ({ type: "separator" }), quit]),
      ],
    },
    { role: "editMenu" },
    {
      label: "&View",
      submenu: [
        { label: "Worker Status", accelerator: "CommandOrControl+1", click: () => actions.go("/") },
        { label: "Tasks", accelerator: "CommandOrControl+2", click: () => actions.go("/tasks/") },
        { label: "System", accelerator: "CommandOrControl+3", click: () => actions.go("/system/") },
        { type: "separator" },
        { role: "reload" },
        { role: "resetZoom" },
        { role: "zoomIn" },
        { role: "zoomOut" },
        { role: "togglefullscreen" },
        ...(app.isPackaged ? [] : [/** @type {const} */ ({ role: "toggleDevTools" })]),
      ],
    },
    {
      label: "&Queue",
      submenu: [
        { id: "pause-queue", label: "Pause Queue", click: () => actions.pauseQueue(true) },
        { id: "resume-queue", label: "Resume Queue", visible: false, click: () => actions.pauseQueue(false) },
      ],
    },
    { role: "windowMenu" },
    {
      role: "help",
      submenu: [
        { label: "Show Logs", click: () => actions.openLogs() },
        { id: "diagnostics", label: "Copy Diagnostics", click: () => actions.copyDiagnostics() },
        { id: "export-diagnostics", label: "Export Diagnostics…", click: () => actions.exportDiagnostics() },
      ],
    },
  ];
}

/** The queue is paused, or not; without a sidecar nothing can be done about it. @param {boolean | null} paused */
function showPaused(paused) {
  const menu = Menu.getApplicationMenu();
  for (const [id, shown] of /** @type {const} */ ([
    ["pause-queue", paused !== true],
    ["resume-queue", paused === true],
  ])) {
    const item = menu?.getMenuItemById(id);
    if (item) {
      item.visible = shown;
      item.enabled = paused !== null;
    }
  }
}

exports.setMenu = setMenu;
exports.showPaused = showPaused;
