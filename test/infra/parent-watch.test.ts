import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { entryPoint } from "../../infra/entry-point.js";
import { isAlive, until } from "../plant/plant-process.js";

const watch = entryPoint("infra/store/parent-watch.js");

/** Its thread is held for ever, as by a call into the engine. */
const heldChild = (watched: boolean) => `
  const { Worker } = require("node:worker_threads");
  const forever = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  const held = () => { console.log("held"); setImmediate(forever); };
  ${watched ? `new Worker(${JSON.stringify(watch)}).on("online", held);` : "held();"}
`;
/** Holds the standard input of its child open, and lets its output through. */
const parent = (watched: boolean) => `
  const { spawn } = require("node:child_process");
  const stdio = ["pipe", "inherit", "inherit"];
  const child = spawn(process.execPath, ["-e", ${JSON.stringify(heldChild(watched))}], { stdio, detached: true });
  console.log(child.pid);
`;

/** @returns the id of a child whose parent was killed */
async function orphan(watched: boolean): Promise<number> {
  const running = spawn(process.execPath, ["-e", parent(watched)], { stdio: ["ignore", "pipe", "inherit"] });
  const said: string[] = [];
  createInterface(running.stdout).on("line", (line) => said.push(line));
  await until(() => said.length === 2, "the child's thread is held");
  const pid = Number(said.find((line) => line !== "held"));
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, "SIGKILL");
  });
  expect(isAlive(pid)).toBe(true);
  running.kill("SIGKILL");
  await once(running, "exit");
  return pid;
}

test("a child whose own thread is held ends with its parent, by its watch alone", async () => {
  const unwatched = await orphan(false);
  const watched = await orphan(true);
  await until(() => !isAlive(watched), "the child has ended");
  expect(isAlive(unwatched)).toBe(true);
});
