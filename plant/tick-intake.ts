import type { PlantConfig } from "../infra/config/plant-config.js";
import type { Log } from "../infra/log/log.js";
import type { Logger } from "../infra/logging.js";
import type { Metrics } from "../infra/metrics.js";
import { DeadLetters } from "../ingest/dead-letters.js";
import { Publisher } from "../ingest/publisher.js";
import type { Codecs } from "../schemas/codec.js";
import type { Micros } from "../schemas/words.js";
import { ingestDeadLetterPartition } from "./topics.js";

/** What ticks go in by beside the ingest role. */
export interface IntakeParts {
  readonly config: PlantConfig;
  readonly log: Log;
  readonly codecs: Codecs;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** A publisher with the configuration's bounds. @param session names it among all that have written */
export function publisherOf({ config, log, codecs, metrics, logger }: IntakeParts, session: string): Publisher {
  const { schemaId } = codecs["market.raw"];
  return new Publisher({ ...config.ingest.publisher, log, schemaId, session, metrics, logger });
}

/** Where what can not be read goes. @param epoch µs at which it begins */
export function deadLettersOf({ config, log, codecs, metrics, logger }: IntakeParts, epoch: Micros): DeadLetters {
  const encode = codecs["market.dlq"].encode.bind(codecs["market.dlq"]);
  return new DeadLetters({ log, encode, metrics, logger, epoch, partition: ingestDeadLetterPartition(config) });
}
