import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedLog } from "../../../infra/log/embedded-log.js";
import { createLogger } from "../../../infra/logging.js";
import { Metrics } from "../../../infra/metrics.js";
import type { Clock } from "../../../ingest/clock.js";
import { type IngestOptions, runIngest } from "../../../ingest/ingest.js";
import type { MakeSource } from "../../../ingest/source.js";
import { openCodecs } from "../../../schemas/codec.js";
import { EmbeddedRegistry } from "../../../schemas/embedded-registry.js";
import { rawBatchType } from "../../../schemas/raw-batch-type.js";
import { type RawBatch, tickOfRecord } from "../../../schemas/raw-tick-record.js";
import type { OracleTick } from "../../../schemas/ticks.js";

/** Ingest with one oracle, over a real log. */
export async function oracleRig(source: MakeSource, clock?: Clock, more: Partial<IngestOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "tickplant-oracle-"));
  const logger = createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" });
  const metrics = new Metrics();
  const codecs = await openCodecs(new EmbeddedRegistry());
  const log = await EmbeddedLog.open({ folder, logger, metrics });
  await log.createTopics([
    { name: "market.raw", partitions: 1, cleanup: "delete" },
    { name: "market.dlq", partitions: 1, cleanup: "delete" },
  ]);
  const ingest = runIngest({
    venues: [],
    sources: [source],
    log,
    schemaIds: { "market.raw": codecs["market.raw"].schemaId },
    encodeDeadLetter: (letter) => codecs["market.dlq"].encode(letter),
    metrics,
    logger,
    heartbeatMs: 20,
    ...(clock && { clock }),
    ...more,
  });
  const gauge = async (name: "oracleStale" | "oracleAge", symbol: string): Promise<number | undefined> =>
    (await metrics[name].get()).values.find(({ labels }) => labels.symbol === symbol)?.value;
  return {
    ingest,
    gauge,
    async prices(symbol?: string): Promise<OracleTick[]> {
      const found: OracleTick[] = [];
      for await (const records of log.readToEnd("market.raw", 0, 0, 1 << 20)) {
        for (const { value } of records) {
          const batch = rawBatchType.fromBuffer(Buffer.from(value!.subarray(5))) as RawBatch;
          for (const tick of batch.ticks.map(tickOfRecord)) if (tick.kind === "oracle") found.push(tick);
        }
      }
      return found.filter((tick) => symbol === undefined || tick.symbol === symbol);
    },
    async letters() {
      const records = await log.read("market.dlq", 0, 0, 1 << 20);
      return records.map(({ value }) => codecs["market.dlq"].decode(value!));
    },
    async dropped(reason: string): Promise<number> {
      const { values } = await metrics.dropped.get();
      return values.find(({ labels }) => labels.place === "oracle" && labels.reason === reason)?.value ?? 0;
    },
    async stop() {
      await ingest.stop();
      await log.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
