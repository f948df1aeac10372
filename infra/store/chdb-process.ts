/**
 * Entry of the child process that holds chDB: one process a data directory, because the engine binds one, blocks its
 * event loop now and then, and would take a crash of its own down with everything beside it.
 */
import { mkdirSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { endAtOnce } from "../end-at-once.js";
import { entryPoint } from "../entry-point.js";
import { ChdbEngine } from "./chdb-engine.js";
import { ChdbHttp } from "./chdb-http.js";
import type { ChdbProcessOptions, FromChdbProcess, ToChdbProcess } from "./chdb-process-contract.js";

const CLOSE_MS = 1_200;

let engine: ChdbEngine | undefined;
let http: ChdbHttp | undefined;

function tell(message: FromChdbProcess): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected && process.send !== undefined) process.send(message, undefined, undefined, () => resolve());
    else resolve();
  });
}

async function start(options: ChdbProcessOptions, socket: Server): Promise<void> {
  const { folder, database, standIn } = options;
  const serving = new ChdbHttp(options, (ms) => void tell({ say: "stuck", ms }));
  http = serving;
  await new Promise<void>((resolve, reject) => {
    serving.server.once("error", reject);
    serving.server.listen(socket, resolve);
  });
  await tell({ say: "listening" });
  mkdirSync(folder, { recursive: true });
  engine = new ChdbEngine({ folder, database, everyDatabase: standIn === true });
  serving.open(engine);
  await tell({ say: "ready" });
}

async function fail(error: unknown): Promise<void> {
  await tell({ say: "failed", message: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}

function stop(): void {
  // an engine that does not close: what it acknowledged lies on disk
  setTimeout(endAtOnce, CLOSE_MS).unref();
  void Promise.resolve(http?.close())
    .then(() => engine?.close())
    .finally(() => process.exit(0));
}

process.on("message", (message: ToChdbProcess, handle: unknown) => {
  if (message.ask === "start") start(message.options, handle as Server).catch(fail);
  else if (message.ask === "serve") http?.server.emit("connection", handle as Socket);
  else if (message.ask === "stop") stop();
  else
    engine?.health().then(
      () => tell({ say: "healthy", id: message.id }),
      () => undefined,
    );
});
// The supervisor is gone: nobody else would end this process, and a new one waits for its folder.
process.on("disconnect", endAtOnce);
// Ctrl-C reaches the whole group where there is one; the plant ends the store last, after its sink.
process.on("SIGINT", () => undefined);
// Also while a call into the engine holds this thread.
if (process.argv.includes("--watch-parent")) new Worker(entryPoint("infra/store/parent-watch.js")).unref();
