// Sleep and batteries, told to the sidecar: it measures sleep itself, this confirms it.

const { powerMonitor } = require("electron");

const { hello: SHARED } = require("../../../shared/protocol.json");

/**
 * @param {import("../sidecar/keeper").Keeper} keeper
 * @param {() => void} onBattery called when the machine goes to or from its battery
 * @param {import("../log").Log} log
 */
function tellPower(keeper, onBattery, log) {
  for (const name of SHARED.power) {
    /** @type {any} */ (powerMonitor).on(name, () => {
      log.say(`power: ${name}`);
      if (name === "suspend" || name === "resume") {
        keeper.sleep(name === "suspend");
      } else {
        onBattery();
      }
      keeper.tell({ type: "power", event: name });
    });
  }
}

exports.tellPower = tellPower;
