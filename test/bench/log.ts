import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { EmbeddedLog } from "../../infra/log/embedded-log.js";
import type { LogRecord } from "../../infra/log/log.js";
import { type Figure, inWords, measure } from "./figure.js";

const RECORD_BYTES = 200;
const BATCH = 100;
const PARTITIONS = 4;
const BATCHES = 1_000;
const IN_FLIGHT = 4;
const READ_BYTES = 1024 * 1024;

/** The embedded log: appends of 100 records and reads of a megabyte, beside the same bytes through plain calls. */
export async function log(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "tickplant-bench-"));
  const log = await EmbeddedLog.open({ folder: join(folder, "log"), logger: pino({ level: "silent" }) });
  try {
    await log.createTopics([{ name: "bench", partitions: PARTITIONS, cleanup: "delete" }]);
    return [await appends(log, folder), await reads(log, folder)];
  } finally {
    await log.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function appends(log: EmbeddedLog, folder: string): Promise<Figure> {
  const value = Buffer.alloc(RECORD_BYTES, "tick");
  const batches = Array.from({ length: PARTITIONS }, (_, partition) =>
    Array.from(
      { length: BATCH },
      (): LogRecord => ({ topic: "bench", partition, key: "BTC/USDT", value, timestamp: 1_700_000_000_000_000 }),
    ),
  );
  const bytes = Buffer.alloc(BATCH * RECORD_BYTES, "tick");
  const count = BATCHES * BATCH;
  return measure({
    name: "log: append",
    unit: "records",
    repetitions: 7,
    about: `${RECORD_BYTES} bytes a record, ${BATCH} an append, ${IN_FLIGHT} appends at a time over ${PARTITIONS} partitions`,
    verified: "the log's end has moved by as many records",
    run: async () => {
      const before = await endOf(log);
      for (let batch = 0; batch < BATCHES; batch += IN_FLIGHT) {
        await Promise.all(
          Array.from({ length: IN_FLIGHT }, (_, at) => log.append(batches[(batch + at) % PARTITIONS]!)),
        );
      }
      const appended = (await endOf(log)) - before;
      if (appended !== count) throw new Error(`${appended} records were appended, not ${count}`);
      return { count };
    },
    floors: [
      {
        name: "fs.writeSync of the same values, 100 a call",
        run: () => {
          const file = openSync(join(folder, "bare"), "w");
          for (let batch = 0; batch < BATCHES; batch++) writeSync(file, bytes);
          closeSync(file);
          return { count };
        },
      },
    ],
  });
}

async function reads(log: EmbeddedLog, folder: string): Promise<Figure> {
  const { start, end } = await log.offsets("bench", 0);
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const size = (end - start) * RECORD_BYTES;
  const file = openSync(join(folder, "bare-read"), "w+");
  for (let at = 0; at < size; at += READ_BYTES) writeSync(file, buffer);
  try {
    return await measure({
      name: "log: read",
      unit: "records",
      repetitions: 7,
      about: `${inWords(end - start)} records of ${RECORD_BYTES} bytes, a megabyte a read, checksums proved`,
      verified: "every record came once, in order",
      run: async () => {
        let next = start;
        while (next < end) {
          for (const { offset, value } of await log.read("bench", 0, next, READ_BYTES)) {
            if (offset !== next || value?.length !== RECORD_BYTES) throw new Error(`record ${offset} is not ${next}`);
            next++;
          }
        }
        return { count: end - start };
      },
      floors: [
        {
          name: "fs.readSync of the same values",
          run: () => {
            for (let at = 0; at < size; at += READ_BYTES) readSync(file, buffer, 0, READ_BYTES, at);
            return { count: end - start };
          },
        },
      ],
    });
  } finally {
    closeSync(file);
  }
}

async function endOf(log: EmbeddedLog): Promise<number> {
  let sum = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) sum += (await log.offsets("bench", partition)).end;
  return sum;
}
