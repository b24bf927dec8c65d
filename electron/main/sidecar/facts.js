// What can be learned about the machine after a sidecar has died.

const fs = require("node:fs");

/** How many processes the kernel has ended for want of memory since it started; null where none tells. */
function kernelKills() {
  let found = null;
  for (const file of ["/proc/vmstat", "/sys/fs/cgroup/memory.events"]) {
    try {
      const match = /^oom_kill (\d+)$/m.exec(fs.readFileSync(file, "utf8"));
      found = match === null ? found : (found ?? 0) + Number(match[1]);
    } catch {
      // Not a Linux, or not this kind of one.
    }
  }
  return found;
}

/**
 * @param {{program: string, data: string, killsBefore: number | null}} asked
 * @returns {import("./causes").Facts}
 */
function learn({ program, data, killsBefore }) {
  const kills = kernelKills();
  let freeBytes = null;
  try {
    const disk = fs.statfsSync(data);
    freeBytes = disk.bavail * disk.bsize;
  } catch {
    // No such folder (yet): its disk is not what ended anything.
  }
  return {
    programIsThere: fs.existsSync(program),
    outOfMemory: kills !== null && killsBefore !== null && kills > killsBefore,
    freeBytes,
  };
}

exports.kernelKills = kernelKills;
exports.learn = learn;
