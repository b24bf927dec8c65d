// What runs and what ended, made of the sidecar's messages. Pure: it is told, and it answers.

const { task: SHARED } = require("../../shared/protocol.json");

/** @typedef {{label: string, progress: number | null}} Running */
/**
 * @typedef {object} Ended
 * @property {string} task
 * @property {string | null} sweep
 * @property {string} name
 * @property {string} state
 * @property {string} cause
 */

/** The counts of the queue and the tasks that run now. */
class Tally {
  /** @type {Map<string, Running>} */
  #running = new Map();
  /** @type {Set<string>} */
  #known = new Set();
  pending = 0;
  runningCount = 0;
  /** @type {string | null} who has paused the queue */
  paused = null;

  /** A new run of the sidecar tells everything anew. */
  forget() {
    this.#running.clear();
    this.#known.clear();
    this.pending = 0;
    this.runningCount = 0;
    this.paused = null;
  }

  /**
   * Take a message in; gives the task that it tells the end of, if it does.
   * @param {any} message
   * @returns {Ended | null}
   */
  hear(message) {
    if (message.type === "snapshot") {
      this.forget();
      this.#counts(message.status.queue);
      for (const { task } of message.status.workers) {
        if (task) {
          this.#running.set(task.task_id, { label: nameOf(task), progress: task.progress });
        }
      }
    } else if (message.type === "queue") {
      this.#counts(message.queue);
    } else if (message.type === "progress") {
      const task = this.#running.get(message.task_id);
      if (task !== undefined) {
        task.progress = message.progress;
      }
    } else if (message.type === "task") {
      return this.#task(message.task);
    }
    return null;
  }

  /** How many tasks run. */
  get running() {
    return Math.max(this.runningCount, this.#running.size);
  }

  /** The mean progress of what runs, 0 to 1; null: nothing runs, or none of it tells. */
  get progress() {
    const told = [...this.#running.values()].map((task) => task.progress).filter((one) => one !== null);
    return told.length === 0 ? null : told.reduce((sum, one) => sum + (one ?? 0), 0) / told.length;
  }

  /** @param {{pending: number, running: number, paused?: string | null}} queue */
  #counts({ pending, running, paused }) {
    this.pending = pending;
    this.runningCount = running;
    this.paused = paused ?? null;
  }

  /** @param {any} task @returns {Ended | null} */
  #task(task) {
    if (task.state === "RUNNING") {
      if (!this.#running.has(task.task_id)) {
        this.#running.set(task.task_id, { label: nameOf(task), progress: task.progress ?? null });
      }
      this.#known.delete(task.task_id);
      return null;
    }
    this.#running.delete(task.task_id);
    this.runningCount = Math.min(this.runningCount, this.#running.size);
    if (!SHARED.ended.includes(task.state) || this.#known.has(task.task_id)) {
      this.#known.delete(task.task_id);
      return null;
    }
    this.#known.add(task.task_id);
    return {
      task: task.task_id,
      sweep: task.sweep_id ?? null,
      name: nameOf(task),
      state: task.state,
      cause: task.cause ?? "",
    };
  }
}

/** @param {{label?: string, simulation: string}} task */
function nameOf(task) {
  return (task.label || task.simulation).slice(0, 80);
}

exports.Tally = Tally;
