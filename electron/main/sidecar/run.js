// One run of the sidecar: its process, its three pipes, its events. When it has ended it is never used again.

const { spawn } = require("node:child_process");
const { EventEmitter } = require("node:events");
const fs = require("node:fs");

const { makeHello, wrongWith } = require("./hello");
const { environmentFor } = require("./environment");
const { Lines } = require("./lines");

const MOST_JUNK = 100;
const TAIL = 4_000;
/** Milliseconds that pipes may stay open after the process has ended. */
const PIPE_PATIENCE = 300;

/** @typedef {import("./causes").Ending} Ending */
/** @typedef {{port: number, url: string, token: string, pid: number, version: string}} Ready */

/**
 * Emits "phase" ({name, detail}), "ready" (Ready, proved), "pong", and once "ended" (Ending), which comes when
 * the process is gone.
 */
class Run extends EventEmitter {
  /** @type {import("node:child_process").ChildProcessWithoutNullStreams | null} */
  #child = null;
  /** @type {Omit<Ending, "stderr" | "wasReady"> | null} */
  #ending = null;
  /** @type {NodeJS.Timeout | undefined} */
  #silence;
  /** @type {NodeJS.Timeout | undefined} */
  #deadline;
  #stderr = "";
  #junk = 0;
  #heard = false;
  #ended = false;

  /**
   * @param {object} given
   * @param {number} given.generation
   * @param {import("../places").Command} given.command
   * @param {string} given.data
   * @param {number | "restore"} given.workers
   * @param {string} given.version ours; the sidecar's must be the same
   * @param {import("../timings").Timings} given.timings
   * @param {import("../log").Log} given.log
   * @param {() => Promise<import("./users_environment").Given>} given.usersEnvironment
   */
  constructor({ generation, command, data, workers, version, timings, log, usersEnvironment }) {
    super();
    this.generation = generation;
    this.command = command;
    this.version = version;
    this.timings = timings;
    this.log = log;
    this.usersEnvironment = usersEnvironment;
    this.hello = makeHello(data, workers);
    log.hide(this.hello.token);
    /** @type {Ready | null} */
    this.ready = null;
  }

  get pid() {
    return this.#child?.pid;
  }

  get isOver() {
    return this.#ended;
  }

  /** Start it. What goes wrong comes as "ended", never as an exception. */
  start() {
    const { program, arguments: rest } = this.command;
    const windows = process.platform === "win32";
    if (!fs.existsSync(program)) {
      setImmediate(() => this.#failToSpawn("ENOENT"));
      return;
    }
    try {
      this.#child = spawn(program, rest, {
        shell: false,
        stdio: ["pipe", "pipe", "pipe"],
        env: environmentFor(process.env),
        cwd: windows ? undefined : "/",
        // A group of its own on POSIX: at a deadline it can be ended as a whole.
        detached: !windows,
        windowsHide: true,
      });
    } catch (error) {
      setImmediate(() =>
        this.#failToSpawn(/** @type {NodeJS.ErrnoException} */ (error).code ?? String(error)),
      );
      return;
    }
    const child = this.#child;
    const lines = new Lines(
      (message) => this.#hear(message),
      (text) => this.#hearJunk(text),
    );
    child.stdout.on("data", (chunk) => lines.feed(chunk));
    child.stderr.on("data", (chunk) => {
      this.#stderr = (this.#stderr + chunk.toString("utf8")).slice(-TAIL);
    });
    child.stdin.on("error", () => {}); // It has gone: "close" tells.
    child.on("error", (error) => {
      if (child.pid === undefined) {
        this.#failToSpawn(/** @type {NodeJS.ErrnoException} */ (error).code ?? String(error));
      }
    });
    // "close" comes when all that it wrote is read; a grandchild that holds a pipe must not hold us up.
    child.on("close", (code, signal) => this.#exited(code, signal));
    child.on("exit", (code, signal) => setTimeout(() => this.#exited(code, signal), PIPE_PATIENCE));
    this.log.say(`sidecar ${this.generation}: process ${child.pid}, workers ${this.hello.workers}`);
    this.tell(this.hello);
    void this.usersEnvironment().then((given) => this.tell({ type: "environment", ...given }));
    this.#watchSilence();
  }

  /** @param {object} message one line to its stdin */
  tell(message) {
    if (this.#child !== null && !this.#ended && this.#child.stdin.writable) {
      this.#child.stdin.write(`${JSON.stringify(message)}\n`);
    }
  }

  /**
   * Ask it to leave; at the deadline its group is ended. One that is not ready yet just loses its pipe.
   * @param {"drain" | "stop"} mode
   * @param {number | null} deadline milliseconds; null: none
   */
  leave(mode, deadline) {
    const seconds = deadline === null ? {} : { deadline_s: deadline / 1000 };
    this.tell({ type: "shutdown", mode, ...seconds });
    if (this.ready === null) {
      this.#child?.stdin.end();
    }
    if (deadline !== null) {
      clearTimeout(this.#deadline);
      this.#deadline = setTimeout(() => {
        this.log.say(`sidecar ${this.generation}: did not leave in time`);
        this.end();
      }, deadline + this.timings.grace);
    }
  }

  /**
   * End it now, and say why.
   * @param {Omit<Ending, "stderr" | "wasReady">} ending
   */
  condemn(ending) {
    if (this.#ending === null && !this.#ended) {
      this.#ending = ending;
      this.log.say(`sidecar ${this.generation}: condemned, ${ending.kind} ${ending.detail ?? ""}`);
      this.end();
    }
  }

  /** End its group. Its workers notice the end of their pipes, and end what is theirs. */
  end() {
    const pid = this.#child?.pid;
    if (pid === undefined || this.#ended) {
      return;
    }
    try {
      // While "exit" has not come the PID is its own: nobody else can have it.
      process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
    } catch {
      this.#child?.kill("SIGKILL");
    }
  }

  #watchSilence() {
    clearTimeout(this.#silence);
    const limit = this.timings.phaseLimit;
    this.#silence = setTimeout(() => {
      this.condemn({ kind: "silent-start", detail: `${Math.round(limit / 1000)} seconds` });
    }, limit);
  }

  /** @param {Record<string, unknown>} message */
  #hear(message) {
    this.#heard = true;
    if (this.#ended || this.#ending !== null) {
      return;
    }
    if (message.event === "phase" && this.ready === null) {
      this.#watchSilence();
      this.emit("phase", { name: String(message.name ?? ""), detail: String(message.detail ?? "") });
    } else if (message.event === "ready" && this.ready === null) {
      this.#becomeReady(message);
    } else if (message.event === "fatal") {
      const { code, message: text, remedy } = message;
      this.#ending = {
        kind: "fatal",
        fatal: { code: String(code ?? ""), message: String(text ?? ""), remedy: String(remedy ?? "") },
      };
    } else if (message.event === "pong") {
      this.emit("pong");
    }
  }

  /** @param {Record<string, unknown>} message */
  #becomeReady(message) {
    clearTimeout(this.#silence);
    const wrong = wrongWith(this.hello, message);
    if (wrong !== null) {
      this.condemn({ kind: "foreign", detail: wrong });
      return;
    }
    if (message.version !== this.version) {
      const theirs = String(message.version).slice(0, 40);
      this.condemn({
        kind: "version",
        detail: `The window is of version ${this.version}, the engine of ${theirs}`,
      });
      return;
    }
    this.ready = {
      port: Number(message.port),
      url: String(message.url),
      token: this.hello.token,
      pid: Number(message.pid),
      version: this.version,
    };
    this.emit("ready", this.ready);
  }

  /** @param {string} text */
  #hearJunk(text) {
    this.log.say(`sidecar ${this.generation}: not a message on stdout: ${text}`);
    this.#junk += 1;
    if (!this.#heard || this.#junk > MOST_JUNK) {
      this.condemn({ kind: "garbage" });
    }
  }

  /** @param {string} code */
  #failToSpawn(code) {
    this.#end({ kind: "spawn", detail: code });
  }

  /** @param {number | null} code @param {NodeJS.Signals | null} signal */
  #exited(code, signal) {
    const last = this.#stderr.trim().split("\n").at(-1)?.slice(0, 200);
    this.#end(
      this.#ending ??
        (signal === null
          ? { kind: "exit", code: code ?? undefined, detail: last || undefined }
          : { kind: "signal", signal }),
    );
  }

  /** @param {Omit<Ending, "stderr" | "wasReady">} ending */
  #end(ending) {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    clearTimeout(this.#silence);
    clearTimeout(this.#deadline);
    /** @type {Ending} */
    const told = { ...ending, wasReady: this.ready !== null, stderr: this.log.clean(this.#stderr) };
    this.log.say(`sidecar ${this.generation}: ended, ${JSON.stringify({ ...told, stderr: undefined })}`);
    if (told.stderr.trim() !== "") {
      this.log.say(`sidecar ${this.generation}: stderr: ${told.stderr.trim()}`);
    }
    this.emit("ended", told);
  }
}

exports.Run = Run;
