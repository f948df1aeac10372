import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedBus } from "../../../infra/bus/embedded-bus.js";
import { EmbeddedLog } from "../../../infra/log/embedded-log.js";
import { createLogger } from "../../../infra/logging.js";
import { Metrics } from "../../../infra/metrics.js";
import { ChainChannels } from "../../../ingest/dex/chain-channels.js";
import { type ChainChoice, chainSource } from "../../../ingest/dex/chain-source.js";
import type { PoolChoice } from "../../../ingest/dex/load-pool.js";
import { type Ingest, type IngestOptions, runIngest } from "../../../ingest/ingest.js";
import type { DexMessageOfTopic } from "../../../schemas/dex-messages.js";
import { rawBatchType } from "../../../schemas/raw-batch-type.js";
import { type RawBatch, tickOfRecord } from "../../../schemas/raw-tick-record.js";
import type { DepthTick, InstrumentTick, RawTick, TradeTick } from "../../../schemas/ticks.js";
import { codecs } from "../../processors/task-rig.js";
import type { Anvil } from "../evm/anvil.js";
import { until } from "../live-rig.js";
import type { UniswapRig } from "./uniswap-rig.js";

const partitions = 2;
const dexTopics = ["block.new", "swap.executed", "liquidity.change", "pool.sync", "tx.pending", "tx.confirm"] as const;

/** Levels of 1 %. */
export const SHAPE = { levels: 10, stepTicks: 100 };
export const V2 = { family: "uniswap-v2", symbol: "ONE/TWO" };
export const V3 = { family: "uniswap-v3", symbol: "WETH/USDC" };

/** The rig's pair and pool, as a user would configure them: their test tokens all have one name. */
export function poolsOf(rig: UniswapRig): PoolChoice[] {
  return [
    { address: rig.pair, protocol: "v2", ...V2, priceDigits: 18 },
    { address: rig.pool, protocol: "v3", ...V3, priceDigits: 18 },
  ];
}

/** A chain's pools through the ingest role into a real log. The log outlives the role, which may be started again. */
export class ChainRig {
  readonly logger = createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" });
  readonly metrics = new Metrics();
  readonly bus = new EmbeddedBus(this.logger);
  ingest: Ingest | undefined;
  readonly #offsets = new Array<number>(partitions).fill(0);
  readonly #found: RawTick[] = [];

  private constructor(
    readonly folder: string,
    readonly log: EmbeddedLog,
  ) {}

  static async open(): Promise<ChainRig> {
    const folder = await mkdtemp(join(tmpdir(), "tickplant-chain-"));
    const logger = createLogger({ level: "silent" });
    const log = await EmbeddedLog.open({ folder, logger, metrics: new Metrics() });
    await log.createTopics([
      { name: "market.raw", partitions, cleanup: "delete" },
      { name: "market.dlq", partitions: 1, cleanup: "delete" },
      ...dexTopics.map((name) => ({ name, partitions, cleanup: "delete" as const })),
    ]);
    return new ChainRig(folder, log);
  }

  start(anvil: Anvil, choice: Partial<ChainChoice> & Pick<ChainChoice, "pools">): void {
    this.ingest = this.run(anvil, choice);
  }

  /** An ingest role of its own into the same log. */
  run(
    anvil: Anvil,
    choice: Partial<ChainChoice> & Pick<ChainChoice, "pools">,
    options: Pick<IngestOptions, "leases"> = {},
  ): Ingest {
    return runIngest({
      ...options,
      venues: [],
      sources: [
        chainSource(
          {
            id: "local",
            rpcUrls: [anvil.webSocketUrl],
            confirmations: 0,
            reorgDepth: 8,
            depth: SHAPE,
            pollMs: 20,
            logRange: 5,
            timeoutMs: 2_000,
            backoff: { baseMs: 10, capMs: 50 },
            ...choice,
          },
          {
            encode: (topic, value) => codecs[topic].encode(value as never),
            channels: new ChainChannels(this.bus, this.logger),
          },
        ),
      ],
      log: this.log,
      schemaIds: { "market.raw": codecs["market.raw"].schemaId },
      encodeDeadLetter: (letter) => codecs["market.dlq"].encode(letter),
      metrics: this.metrics,
      logger: this.logger,
      heartbeatMs: 20,
    });
  }

  /** The role is ready and has told the block with this hash. */
  async caughtUp(anvil: Anvil): Promise<void> {
    const { number } = await anvil.rpc<{ number: string }>("eth_getBlockByNumber", "latest", false);
    await until(
      async () => {
        if (this.ingest?.isReady !== true) return false;
        const { values } = await this.metrics.chainBlock.get();
        return values[0]?.value === Number(number);
      },
      `block ${Number(number)} is told`,
    );
  }

  /** All ticks so far; those of one symbol in the order of the log. */
  async ticks(): Promise<readonly RawTick[]> {
    for (let partition = 0; partition < partitions; partition++) {
      for (;;) {
        const records = await this.log.read("market.raw", partition, this.#offsets[partition]!, 1 << 20);
        for (const record of records) {
          const batch = rawBatchType.fromBuffer(Buffer.from(record.value!.subarray(5))) as RawBatch;
          this.#found.push(...batch.ticks.map(tickOfRecord));
          this.#offsets[partition] = record.offset + 1;
        }
        if (records.length === 0) break;
      }
    }
    return this.#found;
  }

  async trades(symbol: string): Promise<TradeTick[]> {
    return (await this.ticks()).filter((tick): tick is TradeTick => tick.kind === "trade" && tick.symbol === symbol);
  }

  async depths(symbol: string): Promise<DepthTick[]> {
    return (await this.ticks()).filter((tick): tick is DepthTick => tick.kind === "depth" && tick.symbol === symbol);
  }

  /** What governs a symbol, once it is in the log. */
  async instrument(symbol: string): Promise<InstrumentTick> {
    let found: InstrumentTick | undefined;
    await until(async () => {
      for (const tick of await this.ticks()) if (tick.kind === "instrument" && tick.symbol === symbol) found ??= tick;
      return found !== undefined;
    }, `the instrument of ${symbol}`);
    return found!;
  }

  /** Messages of one of the chain's own topics. */
  async messages<Topic extends (typeof dexTopics)[number]>(topic: Topic): Promise<DexMessageOfTopic[Topic][]> {
    const found: DexMessageOfTopic[Topic][] = [];
    for (let partition = 0; partition < partitions; partition++) {
      for await (const records of this.log.readToEnd(topic, partition, 0, 1 << 20)) {
        for (const { value } of records) found.push(codecs[topic].decode(value!) as DexMessageOfTopic[Topic]);
      }
    }
    return found;
  }

  async stopIngest(): Promise<void> {
    await this.ingest?.stop();
    this.ingest = undefined;
  }

  async close(): Promise<void> {
    await this.stopIngest();
    await this.log.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Trades that no retraction took back, by the law of the log: in order, each id once at a time. @throws otherwise */
export function standing(trades: readonly TradeTick[]): TradeTick[] {
  const live = new Map<string, TradeTick>();
  for (const trade of trades) {
    if (trade.retracts === undefined) {
      if (live.has(trade.tradeId)) throw new Error(`trade ${trade.tradeId} came twice`);
      live.set(trade.tradeId, trade);
    } else {
      const former = live.get(trade.retracts);
      if (former === undefined) throw new Error(`trade ${trade.retracts} was taken back without being there`);
      if (former.price !== trade.price || former.qty !== trade.qty || former.side !== trade.side) {
        throw new Error(`trade ${trade.retracts} was taken back by other amounts`);
      }
      live.delete(trade.retracts);
    }
  }
  return [...live.values()];
}
