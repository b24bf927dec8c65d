// What our pages from disk may ask of main. Each handler looks at who asks (SECURITY 33): the main frame of our
// window, with a page from disk in it. The sidecar's pages may ask nothing, and nobody may ask for the end.

const { ipcMain } = require("electron");

const { isDiskPage } = require("./window/disk_pages");

/**
 * @param {object} given
 * @param {() => Electron.BrowserWindow | null} given.window
 * @param {Record<string, () => unknown>} given.answers channel to what answers it; none takes an argument
 * @param {import("./log").Log} given.log
 */
function answerPages({ window, answers, log }) {
  for (const [channel, answer] of Object.entries(answers)) {
    ipcMain.handle(channel, (event, ...rest) => {
      const frame = event.senderFrame;
      const ours = window()?.webContents.mainFrame;
      if (!frame || !ours || frame.routingId !== ours.routingId || frame.processId !== ours.processId) {
        log.say(`refused: ${channel} from another frame`);
        throw new Error("refused");
      }
      if (!isDiskPage(frame.url)) {
        log.say(`refused: ${channel} from ${frame.url.slice(0, 120)}`);
        throw new Error("refused");
      }
      if (rest.length > 0) {
        throw new TypeError("no arguments are taken");
      }
      return answer();
    });
  }
}

exports.answerPages = answerPages;
