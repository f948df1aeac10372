import kafkajs, { type Kafka, type KafkaConfig as KafkaOptions, type SASLOptions } from "kafkajs";
import lz4 from "lz4-napi";
import type { KafkaConfig } from "../../config/services-config.js";
import { tlsOptions } from "../../config/tls-options.js";
import type { Logger } from "../../logging.js";
import { withEveryCluster } from "./kafkajs-internals.js";
import { soundCluster } from "./sound-cluster.js";

const { CompressionCodecs, CompressionTypes, Kafka: Client, logLevel } = kafkajs;

CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: ({ buffer }: { buffer: Buffer }) => lz4.compressFrame(buffer),
  decompress: (buffer: Buffer) => lz4.decompressFrame(buffer),
});

/** How to reach the brokers. */
export type KafkaAccess = Pick<KafkaConfig, "brokers" | "clientId" | "tls" | "sasl">;

/** A request that waits longer gets no answer; its connection is given up. Brokers answer appends sooner. */
export const REQUEST_TIMEOUT_MS = 8_000;
const CONNECTION_TIMEOUT_MS = 3_000;

/**
 * A kafkajs client whose log lines go to the plant's logger, none above `warn`: what matters is said by its callers. All
 * of its clusters are sound.
 */
export function kafkaClient(access: KafkaAccess, logger: Logger, retries = 8): Kafka {
  const options: KafkaOptions = {
    brokers: access.brokers,
    clientId: access.clientId,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    authenticationTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    retry: { initialRetryTime: 50, maxRetryTime: 2_000, retries },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ namespace, log }) => {
        const { message, timestamp: _, logger: __, stack: ___, ...rest } = log;
        logger.debug({ kafkajs: namespace, ...rest }, message);
      },
    ...(access.tls && { ssl: tlsOptions(access.tls) }),
    ...(access.sasl && { sasl: access.sasl as SASLOptions }),
  };
  return withEveryCluster(new Client(options), soundCluster);
}
