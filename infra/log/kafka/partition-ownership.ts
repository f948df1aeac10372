import type { Logger } from "../../logging.js";
import type { PartitionHandler } from "../log.js";
import { handedOver } from "./hand-over.js";
import type { KafkaReader } from "./kafka-reader.js";
import type { OwnedPartition } from "./owned-partition.js";

export interface PartitionOwnershipOptions {
  readonly reader: KafkaReader;
  readonly handler: PartitionHandler;
  /** As the brokers know it. */
  readonly groupId: string;
  /** The plant's name of a topic. */
  readonly nameOf: (topic: string) => string;
  /** As the brokers know this member now. */
  readonly memberId: () => string;
  /** Commits as this member, where it may. */
  readonly commit: (owned: OwnedPartition, offset: number, metadata: string | null) => Promise<boolean>;
  readonly isStopped: () => boolean;
  readonly logger: Logger;
}

/** How a partition is begun, where in the log it goes on, and how it is given back. */
export class PartitionOwnership {
  constructor(private readonly options: PartitionOwnershipOptions) {}

  /** Waits for the former owner, lets the handler restore, and finds the position to go on at. */
  async begin(owned: OwnedPartition): Promise<void> {
    const { handler, nameOf, reader, logger, groupId, memberId, isStopped } = this.options;
    const { topic, partition } = owned;
    await handedOver({
      ...{ reader, logger, groupId, topic, partition },
      memberId: memberId(),
      isOver: () => owned.ending || isStopped(),
    });
    if (owned.ending) return;
    const wanted = await handler.assigned?.(nameOf(topic), partition);
    owned.assigned = true;
    owned.position = wanted ?? (await reader.committed(groupId, topic, partition));
    await this.mend(owned);
    // from here on whoever is to have the partition next waits until it is given back
    if (handler.ending !== undefined) await this.options.commit(owned, owned.position!, memberId());
  }

  /** Brings a position into what the log holds; where none is known, to its beginning. */
  async mend(owned: OwnedPartition): Promise<void> {
    const { topic, partition, position } = owned;
    const { start, end } = await this.options.reader.offsets(topic, partition);
    owned.position ??= start;
    if (owned.position < start) this.#lost(owned, start);
    else if (owned.position > end) {
      this.options.logger.warn(
        { topic, partition, position, end },
        "the position lies behind the log's end: going on at the end",
      );
      owned.position = end;
    }
    owned.fetchAt = owned.position;
  }

  #lost(owned: OwnedPartition, start: number): void {
    const { handler, nameOf, logger, groupId } = this.options;
    const { topic, partition, position } = owned;
    const records = start - position!;
    logger.warn({ group: groupId, topic, partition, records }, "records are gone before they were read");
    owned.position = start;
    handler.lost?.(nameOf(topic), partition, records);
  }

  /** @param voluntary the partition is still this member's while it writes what must be kept */
  async end(owned: OwnedPartition, voluntary: boolean): Promise<void> {
    const { handler, nameOf } = this.options;
    owned.lost = !voluntary;
    owned.ending = true;
    if (!voluntary && owned.assigned) handler.ending?.(nameOf(owned.topic), owned.partition);
    // what is stuck would never end
    if (!owned.failed) await owned.idle();
    if (owned.failed || !owned.assigned) return;
    await handler.revoked?.(nameOf(owned.topic), owned.partition);
    if (handler.ending !== undefined) await this.#giveBack(owned);
  }

  /** A handler that had nothing to write has not said either that the partition is free. Saves the next owner a wait. */
  async #giveBack(owned: OwnedPartition): Promise<void> {
    const { reader, groupId, memberId, commit, logger } = this.options;
    const { topic, partition } = owned;
    try {
      const said = await reader.commitment(groupId, topic, partition);
      if (said?.metadata === memberId()) await commit(owned, said.offset, null);
    } catch (error) {
      logger.debug({ err: error, groupId, topic, partition }, "whether the partition is free could not be said");
    }
  }
}
