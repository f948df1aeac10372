import { endpointConfig } from "../../../infra/config/endpoint-config.js";
import { createLogger } from "../../../infra/logging.js";
import { Metrics } from "../../../infra/metrics.js";
import { wallClock } from "../../../ingest/clock.js";
import { DeadLetters } from "../../../ingest/dead-letters.js";
import { Intake } from "../../../ingest/endpoint/intake.js";
import { serveEndpoint } from "../../../ingest/endpoint/server.js";
import { Publisher } from "../../../ingest/publisher.js";
import type { DeadLetter } from "../../../schemas/messages.js";
import { GatedLog } from "../gated-log.js";

export const key = "a-key-of-sixteen-letters-or-more";

export interface IngestAnswer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: {
    readonly accepted: number;
    readonly refused: { readonly line: number; readonly reason: string; readonly detail: string }[];
    readonly code: string;
    readonly message: string;
  };
}

/** The endpoint on a free port, over a log that can hang. */
export async function endpointRig(
  bounds: Partial<ReturnType<typeof endpointConfig.parse>> = {},
  { confirmMs = 10_000, maxTicks = 10_000 } = {},
) {
  const log = new GatedLog(3);
  const letters: (Omit<DeadLetter, "original"> & { original: string })[] = [];
  const metrics = new Metrics();
  const logger = createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" });
  const clock = wallClock();
  const publisher = new Publisher({ log: log.port, schemaId: 1, session: "test", metrics, logger, maxTicks });
  const deadLetters = new DeadLetters({
    log: { append: async () => {} } as never,
    encode: (letter) => {
      letters.push({ ...letter, original: Buffer.from(letter.original).toString() });
      return new Uint8Array();
    },
    metrics,
    logger,
    epoch: clock(),
  });
  const config = endpointConfig.parse({
    port: 0,
    ...bounds,
    keys: [
      { name: "desk", key, exchanges: ["desk", "desk2"] },
      { name: "other", key: `${key}-other`, exchanges: ["other"] },
    ],
  });
  const intake = new Intake({
    publisher,
    deadLetters,
    metrics,
    clock,
    bounds: config,
    times: { futureToleranceMs: 5_000, tooOldMs: 172_800_000, backfillMs: config.maxBackfillHours * 3_600_000 },
    confirmMs,
  });
  const server = await serveEndpoint({ config, access: { allowedHosts: [] }, intake, metrics, logger });
  const post = async (body: string | Uint8Array, headers: Record<string, string> = {}): Promise<IngestAnswer> => {
    const response = await fetch(`${server.url}/v1/ingest`, {
      method: "POST",
      body: typeof body === "string" ? body : Buffer.from(body),
      headers: { authorization: `Bearer ${key}`, "content-type": "application/x-ndjson", ...headers },
    });
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      body: (await response.json()) as IngestAnswer["body"],
    };
  };
  return {
    url: server.url,
    log,
    letters,
    post,
    clock,
    dropped: async (reason: string): Promise<number> => {
      const { values } = await metrics.dropped.get();
      return values.find(({ labels }) => labels.place === "endpoint" && labels.reason === reason)?.value ?? 0;
    },
    async stop() {
      log.goOn();
      await server.stop();
      await publisher.close();
      await deadLetters.close();
    },
  };
}

/** A line of `ticks`, a trade unless told otherwise. */
export function line(now: number, fields: Record<string, unknown> = {}): string {
  const trade = {
    kind: "trade",
    exchange: "desk",
    symbol: "BTC/USDT",
    trade_id: "1",
    price: "100.10",
    qty: "0.5",
    side: "buy",
    exchange_time: now,
  };
  return JSON.stringify({ ...trade, ...fields });
}
