import type { RawTick } from "../../../schemas/ticks.js";
import { PoolLogUnreadable, readPoolLog } from "../../dex/events.js";
import { knownPool, namedPool } from "../../dex/known-pools.js";
import { instrumentOf, type Pool } from "../../dex/pool.js";
import { PoolState } from "../../dex/pool-state.js";
import { priceDecimals } from "../../dex/price.js";
import { swapTrade } from "../../dex/swap-trade.js";
import type { ChainLog, Hex } from "../../evm/chain.js";
import { BadLine, PoolUnknown } from "../errors.js";
import type { RecordingFormat, RecordingReader, RecordingSink, Said } from "../recording-format.js";

const HEADER = "block_number,block_timestamp,transaction_hash,transaction_index,log_index,topics,data";
const FILE_NAME = /(?:^|[/\\])([a-z0-9]+)-(0x[0-9a-fA-F]{40})[-.][^/\\]*$/;
const ROW = /^(\d+),(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(0x[0-9a-f]{64}),(\d+),(\d+),"(\[[^"]*\])",(0x[0-9a-f]*)$/;
const TOPIC = /0x[0-9a-f]{64}/g;
/** Significant digits of a price: history's 18 decimals hold it. */
const PRICE_DIGITS = 18;

/**
 * demeter-fetch's raw files: a CSV row for each `eth_getLogs` entry of one Uniswap V3 pool. The file's name tells chain
 * and pool; tokens and fee are known of the pools in `ingest/dex/known-pools.ts`, of others `--pool` says them. A log was
 * received when its block was made.
 *
 * https://github.com/zelos-alpha/demeter-fetch
 */
export const demeterFetch: RecordingFormat = {
  name: "demeter-fetch",
  recognises: (line) => line === HEADER || ROW.test(line),
  reader: (file, said) => new DemeterFetchReader(file, said),
};

class DemeterFetchReader implements RecordingReader {
  readonly #pool: Omit<Pool, "priceDecimals">;
  readonly #state = new PoolState("v3");
  #governed: Pool | undefined;

  /** @throws PoolUnknown, PoolInvalid */
  constructor(file: string, { venue, pool }: Said) {
    const [, chain, address] = FILE_NAME.exec(file) ?? [];
    if (chain === undefined) throw new PoolUnknown(file, "its name does not tell the pool (chain-0xaddress-date…)");
    const at = address!.toLowerCase() as Hex;
    const known = pool === undefined ? knownPool(chain, at) : namedPool(chain, at, pool);
    if (known === undefined) throw new PoolUnknown(file, `what tokens ${at} on ${chain} has is not known`);
    this.#pool = venue === undefined ? known : { ...known, exchange: venue };
  }

  line(text: string, out: RecordingSink): void {
    if (text === HEADER) return;
    const pool = this.#pool;
    const { log, time } = rowOf(text, pool.address);
    const tick = this.#tickOf(pool, log, time, out);
    if (tick !== undefined) out.tick(tick);
  }

  #tickOf(pool: Omit<Pool, "priceDecimals">, log: ChainLog, time: number, out: RecordingSink): RawTick | undefined {
    try {
      const event = readPoolLog(log);
      if (event === undefined) return undefined;
      this.#state.apply(event);
      const { ratio } = this.#state;
      if (event.kind !== "swap" || ratio === undefined) return undefined;
      if (this.#governed === undefined) {
        this.#governed = { ...pool, priceDecimals: priceDecimals(ratio, pool, PRICE_DIGITS) };
        out.tick(instrumentOf(this.#governed, time));
      }
      return swapTrade(this.#governed, ratio, log, event, { exchangeTime: time, receiveTime: time });
    } catch (error) {
      if (!(error instanceof PoolLogUnreadable)) throw error;
      throw new BadLine(error.message, { cause: error, venue: pool.exchange });
    }
  }
}

/** @throws BadLine */
function rowOf(text: string, address: Hex): { log: ChainLog; time: number } {
  const row = ROW.exec(text);
  if (row === null) throw new BadLine(`expected a row of ${HEADER}`);
  const [, block, stamp, hash, index, logIndex, topics, data] = row as unknown as [string, ...string[]];
  const log: ChainLog = {
    address,
    blockNumber: Number(block),
    blockHash: "0x",
    transactionHash: hash as Hex,
    transactionIndex: Number(index),
    logIndex: Number(logIndex),
    topics: (topics!.match(TOPIC) ?? []) as Hex[],
    data: data as Hex,
  };
  const time = Date.parse(`${stamp!.replace(" ", "T")}Z`) * 1000;
  if (!Number.isSafeInteger(time)) throw new BadLine(`${stamp} is no time`);
  return { log, time };
}
