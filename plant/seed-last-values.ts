import type { Bus, BusMessage } from "../infra/bus/bus.js";
import { OffsetOutOfRange } from "../infra/log/errors.js";
import type { Log, StoredRecord } from "../infra/log/log.js";
import type { Logger } from "../infra/logging.js";
import type { Codecs } from "../schemas/codec.js";
import type { Index, Kline, Ticker } from "../schemas/messages.js";
import { isSymbol, isVenue, placeOf } from "../schemas/names.js";
import { schemaIdOf } from "../schemas/wire.js";
import { AGGREGATE } from "../schemas/words.js";

/** What has fewest channels first. */
const TOPICS = ["market.index", "market.ticker", "market.kline"] as const;
type SeededTopic = (typeof TOPICS)[number];
/** Newest records of each partition that are looked at. */
const MOST_RECORDS = 10_000;
const READ_BYTES = 512 * 1024;
/** A start does not wait longer than this for last values, in ms. */
const MOST_MS = 3_000;

export interface SeedPorts {
  readonly log: Log;
  readonly bus: Bus;
  readonly codecs: Codecs;
  readonly logger: Logger;
}

/**
 * Brings last values back that a bus in memory forgot: the newest ticker, K-line and index value of each channel that
 * the end of the log holds, byte for byte as the processors published them, and not as news. Call it before processors
 * and ingest start, so that nothing writes meanwhile; whatever they publish later is newer, or is known.
 *
 * @param mostRecords of each partition, from its end
 * @returns how many channels have a last value now
 */
export async function seedLastValues(ports: SeedPorts, mostRecords = MOST_RECORDS): Promise<number> {
  const deadline = performance.now() + MOST_MS;
  const newest = new Map<string, BusMessage>();
  let unreadable = 0;
  for (const topic of TOPICS) {
    for (let partition = 0; partition < ports.log.partitions(topic); partition++) {
      for await (const records of newestRecords(ports.log, topic, partition, mostRecords)) {
        unreadable += await keepNewest(ports.codecs, topic, records, newest);
        if (performance.now() > deadline) {
          ports.logger.warn({ topic, partition }, "not all last values were read in time: they come with new ticks");
          return publish(ports.bus, newest);
        }
      }
    }
  }
  if (unreadable > 0) ports.logger.warn({ records: unreadable }, "records were unreadable in search of last values");
  return publish(ports.bus, newest);
}

async function publish(bus: Bus, newest: ReadonlyMap<string, BusMessage>): Promise<number> {
  await bus.publish([...newest.values()]);
  return newest.size;
}

/** The end of a partition, in reads of a bounded size. */
async function* newestRecords(
  log: Log,
  topic: SeededTopic,
  partition: number,
  most: number,
): AsyncGenerator<StoredRecord[]> {
  const { start, end } = await log.offsets(topic, partition);
  for (let offset = Math.max(start, end - most); offset < end; ) {
    const records = await log.read(topic, partition, offset, READ_BYTES).catch((error: unknown) => {
      // retention was quicker
      if (error instanceof OffsetOutOfRange) return [];
      throw error;
    });
    if (records.length === 0) return;
    yield records;
    offset = records.at(-1)!.offset + 1;
  }
}

/** @returns how many records could not be read */
async function keepNewest(
  codecs: Codecs,
  topic: SeededTopic,
  records: readonly StoredRecord[],
  newest: Map<string, BusMessage>,
): Promise<number> {
  const codec = codecs[topic];
  const latest = new Map<string, Ticker | Kline | Index>();
  let unreadable = 0;
  for (const { value } of records) {
    if (value === null) continue;
    try {
      if (!codec.isPreparedFor(value)) await codec.prepare(schemaIdOf(value));
      const data = codec.decode(value);
      if (!isNamed(data)) {
        unreadable += 1;
        continue;
      }
      const channel = channelOf(data);
      const known = latest.get(channel);
      // after a crash a stream's messages stand in the log twice, the older ones last
      if (known === undefined || isNewer(data.epoch, data.sequence_num, known.epoch, known.sequence_num)) {
        latest.set(channel, data);
      }
    } catch {
      unreadable += 1;
    }
  }
  for (const [channel, data] of latest) {
    const known = newest.get(channel);
    const { epoch, sequence_num: sequence } = data;
    if (known !== undefined && !isNewer(epoch, sequence, known.epoch, known.sequence)) continue;
    const payload = JSON.stringify({ channel, epoch, sequence, data });
    newest.set(channel, { channel, epoch, sequence, payload, kind: "snapshot" });
  }
  return unreadable;
}

/** Whether anybody can ask for its channel: an earlier version took other names in. */
function isNamed(data: Ticker | Kline | Index): boolean {
  if ("constituents" in data) return isSymbol(data.name);
  return isSymbol(data.symbol) && (data.exchange === AGGREGATE || isVenue(data.exchange));
}

function channelOf(data: Ticker | Kline | Index): string {
  if ("constituents" in data) return `index:${data.name}`;
  const name = placeOf(data.symbol, data.exchange);
  return "interval" in data ? `kline:${name}:${data.interval}` : `ticker:${name}`;
}

const isNewer = (epoch: number, sequence: number, thanEpoch: number, thanSequence: number): boolean =>
  epoch > thanEpoch || (epoch === thanEpoch && sequence > thanSequence);
