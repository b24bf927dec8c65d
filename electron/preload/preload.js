// The bridge of our own pages from disk (app:). The sidecar's pages get none: they need nothing of Electron.

const { contextBridge, ipcRenderer } = require("electron");

if (location.protocol === "app:") {
  contextBridge.exposeInMainWorld("steelyard", {
    /** @returns {Promise<unknown>} */
    state: () => ipcRenderer.invoke("page:state"),
    restart: () => ipcRenderer.invoke("lost:restart"),
    wait: () => ipcRenderer.invoke("lost:wait"),
    openLogs: () => ipcRenderer.invoke("lost:open-logs"),
    copyDiagnostics: () => ipcRenderer.invoke("lost:copy-diagnostics"),
    /** @param {(state: unknown) => void} hear */
    onState: (hear) => {
      ipcRenderer.on("page:state", (_event, state) => hear(state));
    },
  });
}
