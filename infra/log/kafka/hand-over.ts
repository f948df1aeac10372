import type { Logger } from "../../logging.js";
import type { KafkaReader } from "./kafka-reader.js";

export interface HandOver {
  readonly reader: KafkaReader;
  readonly logger: Logger;
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  /** This member. */
  readonly memberId: string;
  /** Nobody waits any more. */
  readonly isOver: () => boolean;
}

/** A member that is slower to give a partition back than this is not waited for: what it still makes comes twice. */
const PATIENCE_MS = 5_000;
const LOOK_EVERY_MS = 25;

/**
 * Waits until the member that held a partition before has given it back, while it is in the group: it is in the middle of
 * its work when the partitions are shared out anew, and what it makes until its last checkpoint need not be made again.
 * Only fencing keeps a partition to one owner; this saves work, and never fails.
 */
export async function handedOver(handOver: HandOver): Promise<void> {
  const { reader, logger, groupId, topic, partition, memberId, isOver } = handOver;
  const began = performance.now();
  try {
    for (;;) {
      const holder = await reader.holder(groupId, topic, partition);
      if (holder === undefined || holder === memberId || isOver()) return;
      if (performance.now() - began > PATIENCE_MS) {
        logger.info(
          { groupId, topic, partition, holder },
          "the former owner does not give the partition back; going on",
        );
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  } catch (error) {
    logger.debug({ err: error, groupId, topic, partition }, "who held the partition is not known");
  }
}
