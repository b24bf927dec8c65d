// Another data directory, from the next start on: nothing is moved, and nothing that runs is disturbed.

const { dialog } = require("electron");

const places = require("../places");

/**
 * @param {object} given
 * @param {string} given.data the data directory now
 * @param {Electron.BrowserWindow | null} given.window
 * @param {import("../log").Log} given.log
 */
async function chooseData({ data, window, log }) {
  /** @type {Electron.OpenDialogOptions} */
  const options = {
    title: "Choose Data Directory",
    defaultPath: data,
    buttonLabel: "Choose",
    properties: ["openDirectory", "createDirectory", "promptToCreate"],
  };
  const { canceled, filePaths } = await (window
    ? dialog.showOpenDialog(window, options)
    : dialog.showOpenDialog(options));
  const [folder] = filePaths;
  if (canceled || folder === undefined || folder === data) {
    return;
  }
  /** @type {Electron.MessageBoxOptions} */
  let words = {
    type: "info",
    message: `From its next start on Steelyard keeps its data in ${folder}.`,
    detail: `What is in ${data} stays there, and so do its tasks and preferences. The command line follows too.`,
  };
  try {
    places.choose(process.env, folder);
    log.say(`another data directory from the next start on: ${folder}`);
  } catch (error) {
    log.say(`the data directory was not changed: ${error}`);
    words = {
      type: "error",
      message: "The data directory was not changed.",
      detail: `The choice could not be written down: ${/** @type {Error} */ (error).message}`,
    };
  }
  await (window ? dialog.showMessageBox(window, words) : dialog.showMessageBox(words));
}

exports.chooseData = chooseData;
