import { type Command, InvalidArgumentError } from "commander";
import { PlantError } from "../infra/errors.js";
import type { Log, StoredRecord } from "../infra/log/log.js";
import { partitionOf } from "../infra/log/partitioner.js";
import { createLogger } from "../infra/logging.js";
import { Metrics } from "../infra/metrics.js";
import { codecsOf, openLog } from "../plant/parts.js";
import type { Codecs } from "../schemas/codec.js";
import { IncompatibleSchema, UnknownSchema, UnreadableRecord } from "../schemas/errors.js";
import type { DeadLetter, MessageTimes } from "../schemas/messages.js";
import { decodeTick } from "../schemas/raw-batch-reader.js";
import { RawBatchWriter } from "../schemas/raw-batch-writer.js";
import { type ConfigOptions, configOf, configOptions, defaultConfigFile } from "./options.js";

const DLQ = "market.dlq";
const RAW = "market.raw";
const READ_BYTES = 1024 * 1024;

/** No dead letter stands there. */
class NoLetter extends PlantError {
  constructor(place: string) {
    super("TP_LETTER_UNKNOWN", `no dead letter at ${place}: \`tickplant dlq list\` shows partition/offset of each`);
  }
}

interface Filter {
  readonly reason?: string;
  readonly exchange?: string;
  readonly symbol?: string;
  readonly limit: number;
}

interface Found {
  readonly partition: number;
  readonly offset: number;
  readonly letter: Letter;
}

/** What the commands show of one. */
type Letter = Omit<DeadLetter, "epoch" | "sequence_num" | keyof MessageTimes>;

interface Opened {
  readonly log: Log;
  readonly codecs: Codecs;
}

/** `tickplant dlq list|show|replay`: what was refused, with its original bytes. */
export function dlqCommand(program: Command): void {
  const dlq = program.command("dlq").description("dead letters: what was refused, why, and once more into the plant");
  filtered(dlq.command("list"), 50)
    .description("newest dead letters, a line each: partition/offset, time, reason, exchange, symbol, detail")
    .action((options: ConfigOptions & Filter) => withLog(options, (opened) => list(opened, options)));
  configOptions(dlq.command("show"))
    .argument("<partition/offset>", "as `list` shows it", parsePlace)
    .description("one dead letter whole, with its original")
    .action((place: Place, options: ConfigOptions) => withLog(options, (opened) => show(opened, place)));
  filtered(dlq.command("replay"), 10_000)
    .option("--dry-run", "only say what would go")
    .description("publish the ticks of dead letters to market.raw once more, after the cause is mended")
    .action((options: ConfigOptions & Filter & { dryRun?: boolean }) =>
      withLog(options, (opened) => replay(opened, options, options.dryRun === true)),
    );
}

function filtered(command: Command, limit: number): Command {
  return configOptions(command)
    .option("--reason <reason>", "only this reason")
    .option("--exchange <venue>", "only this venue")
    .option("--symbol <symbol>", "only this symbol")
    .option("--limit <letters>", "at most so many, the newest", parseLimit, limit);
}

async function withLog(options: ConfigOptions, work: (opened: Opened) => Promise<void>): Promise<void> {
  const config = configOf(options, defaultConfigFile);
  const { log, close } = await openLog(config, { logger: createLogger(config.logging), metrics: new Metrics() });
  try {
    await work({ log, codecs: await codecsOf(config) });
  } finally {
    await close();
  }
}

async function list(opened: Opened, filter: Filter): Promise<void> {
  const { found, all } = await lettersOf(opened, filter);
  for (const { partition, offset, letter } of found) {
    const { timestamp, reason, exchange, symbol, detail } = letter;
    const time = new Date(timestamp / 1000).toISOString();
    const name = [exchange, symbol].filter((part) => part !== "").join(" ");
    process.stdout.write(`${partition}/${offset}  ${time}  ${reason.padEnd(20)}  ${name}  ${detail.slice(0, 160)}\n`);
  }
  process.stderr.write(`${found.length} of ${all} dead letters\n`);
}

async function show({ log, codecs }: Opened, { partition, offset }: Place): Promise<void> {
  const record = await recordAt(log, partition, offset);
  if (record === undefined || record.value === null) throw new NoLetter(`${partition}/${offset}`);
  const { original, ...letter } = await letterOf(codecs, partition, record);
  const tick = tickOf({ ...letter, original });
  const text = Buffer.from(original).toString("utf8");
  const readable = !text.includes("\ufffd");
  const shown = {
    ...letter,
    ...(tick ? { tick } : readable ? { original: text } : { original_base64: base64(original) }),
  };
  process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
}

async function recordAt(log: Log, partition: number, offset: number): Promise<StoredRecord | undefined> {
  if (partition >= log.partitions(DLQ)) return undefined;
  const { start, end } = await log.offsets(DLQ, partition);
  if (offset < start || offset >= end) return undefined;
  const [record] = await log.read(DLQ, partition, offset, 1);
  return record?.offset === offset ? record : undefined;
}

/** The ticks keep their times and ids, so that whatever was taken in meanwhile is known as a repeat. */
async function replay(opened: Opened, filter: Filter, dryRun: boolean): Promise<void> {
  const { log, codecs } = opened;
  const { found } = await lettersOf(opened, filter);
  const session = `dlq-${Date.now().toString(36)}`;
  const partitions = log.partitions(RAW);
  let number = 0;
  let left = 0;
  for (const { letter } of found) {
    const tick = tickOf(letter);
    if (tick === undefined) {
      left += 1;
      continue;
    }
    number += 1;
    if (dryRun) continue;
    const writer = new RawBatchWriter(codecs[RAW].schemaId, session);
    writer.append(tick, number);
    const partition = partitionOf(tick.symbol, partitions);
    await log.append([{ topic: RAW, partition, key: null, value: writer.finish(), timestamp: tick.receiveTime }]);
  }
  process.stdout.write(
    `${number} ticks ${dryRun ? "would be" : "were"} published once more; ${left} letters hold no tick\n`,
  );
}

/** The tick of a letter that was refused by a processor; undefined for frames and records. */
function tickOf({ topic, index, original }: Letter) {
  if (topic !== RAW || index < 0) return undefined;
  try {
    return decodeTick(original);
  } catch {
    return undefined;
  }
}

async function lettersOf({ log, codecs }: Opened, filter: Filter): Promise<{ found: Found[]; all: number }> {
  const found: Found[] = [];
  let all = 0;
  for (let partition = 0; partition < log.partitions(DLQ); partition++) {
    for await (const records of log.readToEnd(DLQ, partition, 0, READ_BYTES)) {
      for (const record of records) {
        if (record.value === null) continue;
        const letter = await letterOf(codecs, partition, record);
        if (!matches(letter, filter)) continue;
        all += 1;
        found.push({ partition, offset: record.offset, letter });
      }
      if (found.length > 2 * filter.limit) newest(found, filter.limit);
    }
  }
  newest(found, filter.limit);
  return { found, all };
}

/** Somebody else's record in the topic is shown as a letter about itself, and spoils no list. */
async function letterOf(
  codecs: Codecs,
  partition: number,
  { offset, value, timestamp }: StoredRecord,
): Promise<Letter> {
  try {
    return await codecs[DLQ].read(value!);
  } catch (error) {
    if (!isOfTheRecord(error)) throw error;
    return {
      ...{ topic: DLQ, partition, offset, index: -1, exchange: "", symbol: "", timestamp },
      reason: "unreadable_record",
      detail: error.message,
      // a view of what is read next
      original: Uint8Array.from(value!),
    };
  }
}

const isOfTheRecord = (error: unknown): error is Error =>
  error instanceof UnreadableRecord || error instanceof UnknownSchema || error instanceof IncompatibleSchema;

function newest(found: Found[], limit: number): void {
  found.sort((a, b) => a.letter.timestamp - b.letter.timestamp || a.partition - b.partition || a.offset - b.offset);
  found.splice(0, Math.max(0, found.length - limit));
}

function matches(letter: Letter, { reason, exchange, symbol }: Filter): boolean {
  return (
    (reason === undefined || letter.reason === reason) &&
    (exchange === undefined || letter.exchange === exchange) &&
    (symbol === undefined || letter.symbol === symbol)
  );
}

interface Place {
  readonly partition: number;
  readonly offset: number;
}

function parsePlace(text: string): Place {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  if (match === null) throw new InvalidArgumentError("expected partition/offset, e.g. 3/17");
  return { partition: Number(match[1]), offset: Number(match[2]) };
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError("expected a whole number from 1");
  return limit;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
