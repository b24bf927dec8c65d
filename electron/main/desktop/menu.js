// The menu, with the shortcuts that people expect on each system.

const { app, Menu } = require("electron");

/**
 * @typedef {object} Actions
 * @property {(place: string) => void} go
 * @property {() => void} hide
 * @property {() => void} quit
 * @property {() => void} openLogs
 * @property {() => void} copyDiagnostics
 * @property {() => void} exportDiagnostics
 * @property {() => void} openData
 * @property {() => void} openSimulations
 */

/**
 * @param {Actions} actions
 * @param {import("./choices").ChoiceFile} choices
 * @param {() => void} onChoice
 */
function setMenu(actions, choices, onChoice) {
  Menu.setApplicationMenu(Menu.buildFromTemplate(template(actions, choices, onChoice)));
}

/**
 * @param {Actions} actions
 * @param {import("./choices").ChoiceFile} choices
 * @param {() => void} onChoice
 * @returns {Electron.MenuItemConstructorOptions[]}
 */
function template(actions, choices, onChoice) {
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
    { label: "&Options", submenu: options(choices, onChoice) },
    { role: "windowMenu" },
    {
      role: "help",
      submenu: [
        { label: "Show Logs", click: () => actions.openLogs() },
        { id: "diagnostics", label: "Copy Diagnostics", click: () => actions.copyDiagnostics() },
        { label: "Export Diagnostics…", click: () => actions.exportDiagnostics() },
      ],
    },
  ];
}

/**
 * What only a desktop has to choose.
 * @param {import("./choices").ChoiceFile} choices
 * @param {() => void} onChoice
 * @returns {Electron.MenuItemConstructorOptions[]}
 */
function options(choices, onChoice) {
  const choose = (/** @type {Partial<import("./choices").Choices>} */ change) => () => {
    choices.set(change);
    onChoice();
  };
  const awake = /** @type {const} */ ([
    ["always", "Keep Awake While Tasks Run"],
    ["mains", "Keep Awake on Mains Only"],
    ["never", "Let the Machine Sleep"],
  ]);
  return [
    ...awake.map(([keepAwake, label]) => ({
      id: `keep-awake-${keepAwake}`,
      label,
      type: /** @type {const} */ ("radio"),
      checked: choices.now.keepAwake === keepAwake,
      click: choose({ keepAwake }),
    })),
    { type: "separator" },
    {
      id: "notify",
      label: "Notify When Tasks End",
      type: "checkbox",
      checked: choices.now.notify,
      click: (item) => choose({ notify: item.checked })(),
    },
  ];
}

exports.setMenu = setMenu;
