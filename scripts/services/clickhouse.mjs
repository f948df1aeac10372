import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The plant's logger, as far as the store's supervisor uses it. */
const logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: ({ how }, message) => console.error(`clickhouse: ${message} (${how})`),
  error: ({ err }, message) => console.error(`clickhouse: ${message} (${err?.message})`),
};

/**
 * Starts the stand-in of a ClickHouse server: the engine that the plant embeds, behind ClickHouse's HTTP interface.
 *
 * @param options.port   on 127.0.0.1
 * @param options.folder of its data; a temporary one when missing
 */
export async function startClickHouse({ port, folder }) {
  const compiled = new URL("../../dist/infra/store/embedded-store-server.js", import.meta.url);
  const { EmbeddedStoreServer } = await import(compiled.href).catch((cause) => {
    throw new Error("the ClickHouse stand-in is compiled code: npm run build first", { cause });
  });
  const data = folder ?? mkdtempSync(join(tmpdir(), "tickplant-clickhouse-"));
  const server = await EmbeddedStoreServer.start({
    folder: data,
    port,
    portSetting: "--clickhouse-port",
    standIn: true,
    logger,
  });
  return {
    url: server.url,
    pid: server.pid,
    async stop() {
      await server.stop();
      if (folder === undefined) rmSync(data, { recursive: true, force: true });
    },
  };
}

/** Whether ClickHouse's HTTP interface answers a ping at this URL. Never throws. */
export async function clickHouseAnswers(url) {
  try {
    const ping = new URL("/ping", url);
    ping.username = ping.password = "";
    const response = await fetch(ping, { signal: AbortSignal.timeout(3000) });
    return response.ok && (await response.text()).startsWith("Ok");
  } catch {
    return false;
  }
}
