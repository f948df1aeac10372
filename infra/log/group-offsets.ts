import { join } from "node:path";
import type { StoredRecord } from "./log.js";
import type { LogEnvironment, PartitionPlace } from "./log-environment.js";
import { PartitionReader } from "./partition-reader.js";
import { folderName } from "./topic-catalog.js";

const bufferBytes = 256 * 1024;

export function groupPlace(folder: string, group: string): PartitionPlace {
  return { name: `group ${group}`, folder: join(folder, "groups", folderName(group)) };
}

export const groupKey = (topic: string, partition: number): string => `${topic}/${partition}`;
export const groupValue = (offset: number): Uint8Array => Buffer.from(String(offset), "latin1");

/**
 * The committed offsets of a group: a compacted partition of its own, the key is topic and partition, the value the
 * next offset to read as text. This is its reading side.
 */
export class GroupOffsets {
  private readonly offsets = new Map<string, number>();
  private readonly reader: PartitionReader;

  constructor(group: string, environment: LogEnvironment) {
    this.reader = new PartitionReader(groupPlace(environment.folder, group).folder, {
      lost: () => {},
      damaged: (path, position, bytes) =>
        environment.logger.error({ group, file: path, position, bytes }, "damaged frames among committed offsets"),
    });
  }

  committed(topic: string, partition: number): number | undefined {
    this.readOn();
    return this.offsets.get(groupKey(topic, partition));
  }

  close(): void {
    this.reader.close();
  }

  private readOn(): void {
    if (!this.reader.mayHaveMore()) return;
    let buffer = Buffer.allocUnsafe(bufferBytes);
    for (;;) {
      const records: StoredRecord[] = [];
      const needed = this.reader.fetch(buffer, records);
      if (needed > 0) buffer = Buffer.allocUnsafe(needed);
      else if (records.length === 0) return;
      for (const { key, value } of records) {
        if (key !== null && value !== null) this.offsets.set(key, Number(Buffer.from(value).toString("latin1")));
      }
    }
  }
}
