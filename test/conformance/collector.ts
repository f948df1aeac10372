import type { PartitionHandler, StoredRecord } from "../../infra/log/log.js";

export interface Collected {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
}

/** A handler that keeps what it is given and lets a test wait for it. */
export class Collector implements PartitionHandler {
  readonly all: Collected[] = [];
  readonly lostRecords: number[] = [];
  readonly revokedPartitions: string[] = [];
  private readonly waiting: { reached: () => boolean; resolve: () => void }[] = [];

  constructor(private readonly positions: Record<string, number> = {}) {}

  async assigned(topic: string, partition: number): Promise<number | undefined> {
    return this.positions[`${topic}/${partition}`];
  }

  async records(topic: string, partition: number, records: readonly StoredRecord[]): Promise<void> {
    for (const { offset, key, value } of records) {
      this.all.push({ topic, partition, offset, key, value: value && text(value) });
    }
    this.look();
  }

  async revoked(topic: string, partition: number): Promise<void> {
    this.revokedPartitions.push(`${topic}/${partition}`);
    this.look();
  }

  lost(_topic: string, _partition: number, records: number): void {
    this.lostRecords.push(records);
    this.look();
  }

  values(partition: number): (string | null)[] {
    return this.all.filter((record) => record.partition === partition).map(({ value }) => value);
  }

  until(reached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ reached, resolve });
      this.look();
    });
  }

  count(records: number): Promise<void> {
    return this.until(() => this.all.length >= records);
  }

  private look(): void {
    for (const { reached, resolve } of this.waiting) if (reached()) resolve();
  }
}

export const bytes = (value: string): Uint8Array => Buffer.from(value);
export const text = (value: Uint8Array): string => Buffer.from(value).toString();
