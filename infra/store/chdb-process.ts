/**
 * Entry of the child process that holds chDB: one process a data directory, because the engine binds one, blocks its
 * event loop now and then, and would take a crash of its own down with everything beside it.
 */
import { mkdirSync } from "node:fs";
import { ChdbEngine } from "./chdb-engine.js";
import { ChdbHttp } from "./chdb-http.js";
import { type ChdbProcessMessage, type ChdbProcessOptions, optionsVariable } from "./chdb-process-contract.js";

const closeDeadlineMs = 5_000;

function tell(message: ChdbProcessMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected && process.send !== undefined) process.send(message, undefined, undefined, () => resolve());
    else resolve();
  });
}

async function main(): Promise<void> {
  const options = JSON.parse(process.env[optionsVariable] ?? "{}") as ChdbProcessOptions;
  delete process.env[optionsVariable];
  const http = new ChdbHttp(options);
  const port = await new Promise<number>((resolve, reject) => {
    http.server.once("error", reject);
    http.server.listen(options.port, "127.0.0.1", () => {
      const address = http.server.address();
      resolve(typeof address === "object" && address !== null ? address.port : options.port);
    });
  });
  mkdirSync(options.folder, { recursive: true });
  const engine = new ChdbEngine(options.folder, options.database);
  http.open(engine);
  endWith(http, engine);
  await tell({ kind: "ready", port });
}

function endWith(http: ChdbHttp, engine: ChdbEngine): void {
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(1), closeDeadlineMs).unref();
    void http
      .close()
      .then(() => engine.close())
      .finally(() => process.exit(0));
  };
  process.on("SIGTERM", end);
  // The supervisor is gone: nobody else would end this process.
  process.on("disconnect", end);
}

// Ctrl-C reaches the whole group; the plant ends the store last, after its sink has written what it holds.
process.on("SIGINT", () => undefined);
main().catch(async (error: unknown) => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  await tell({ kind: "failed", code, message: error instanceof Error ? error.message : String(error) });
  process.exit(1);
});
