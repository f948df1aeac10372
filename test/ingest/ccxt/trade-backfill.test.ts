import { expect, it } from "vitest";
import { createLogger } from "../../../infra/logging.js";
import { Metrics } from "../../../infra/metrics.js";
import type { CcxtTrade } from "../../../ingest/ccxt/library.js";
import { RecentTrades } from "../../../ingest/ccxt/recent-trades.js";
import { tradeTick } from "../../../ingest/ccxt/ticks.js";
import { backfillTrades } from "../../../ingest/ccxt/trade-backfill.js";
import { Publisher } from "../../../ingest/publisher.js";
import type { TradeTick } from "../../../schemas/ticks.js";
import { GatedLog } from "../gated-log.js";

const START = 1_762_795_420_000;
const given = (id: number): CcxtTrade =>
  ({ id: `${id}`, symbol: "BTC/USDT", timestamp: START + id, price: "1", amount: "1", side: "buy" }) as never;

it("what the exchange has is published whole, though the buffer has room for a part of it at a time", async () => {
  const log = new GatedLog(1);
  const metrics = new Metrics();
  const logger = createLogger({ level: "silent" });
  const publisher = new Publisher({ log: log.port, schemaId: 1, session: "s", metrics, logger, maxTicks: 8 });
  const recent = new RecentTrades(2_000);
  const toTick = (trade: CcxtTrade) => tradeTick("kraken", trade, START * 1_000);
  for (const id of [1, 2, 3]) recent.add(toTick(given(id))!);
  log.hang();
  // live ticks have filled the buffer
  for (let id = 900; publisher.publish(toTick(given(id))!); ) id++;
  const done = backfillTrades(
    { since: (START + 3) * 1_000, until: () => (START + 300) * 1_000 },
    {
      fetch: async () => Array.from({ length: 300 }, (_, at) => given(at + 1)),
      recent,
      toTick,
      publish: (trade) => publisher.publish(trade),
      room: () => publisher.room(),
      signal: new AbortController().signal,
    },
  );
  await new Promise((resolve) => setTimeout(resolve, 30));
  log.goOn();
  expect(await done).toBe("closed");
  await publisher.flushed();
  const ids = (log.ticks() as unknown as TradeTick[])
    .filter(({ backfilled }) => backfilled)
    .map(({ tradeId }) => tradeId);
  expect(ids).toEqual(Array.from({ length: 297 }, (_, at) => `${at + 4}`));
});
