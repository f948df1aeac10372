import { createRequire } from "node:module";
import type { Socket } from "node:net";
import kafkajs, { type Kafka, type KafkaConfig as KafkaOptions, type SASLOptions } from "kafkajs";
import lz4 from "lz4-napi";
import type { KafkaConfig } from "../../config/services-config.js";
import { tlsOptions } from "../../config/tls-options.js";
import type { Logger } from "../../logging.js";

const { CompressionCodecs, CompressionTypes, Kafka: Client, logLevel } = kafkajs;

CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: ({ buffer }: { buffer: Buffer }) => lz4.compressFrame(buffer),
  decompress: (buffer: Buffer) => lz4.decompressFrame(buffer),
});

/** How to reach the brokers. */
export type KafkaAccess = Pick<KafkaConfig, "brokers" | "clientId" | "tls" | "sasl">;

const REQUEST_TIMEOUT_MS = 15_000;
const CONNECTION_TIMEOUT_MS = 3_000;

/** A kafkajs client whose log lines go to the plant's logger, none above `warn`: what matters is said by its callers. */
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
  return new Client(options);
}

/**
 * What lies below kafkajs's producer and consumer: connections, metadata and single requests. Its public face has no
 * read at an offset, and encodes each record through a dozen objects; both matter here. The version is pinned.
 */
export interface KafkaCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  removeBroker(place: { host: string; port: number }): void;
  refreshMetadata(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  /** Of all topics where none is named. */
  metadata(of: { topics: readonly string[] }): Promise<{
    brokers: readonly { nodeId: number; host: string; port: number }[];
    topicMetadata: readonly TopicMetadata[];
  }>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  findBroker(which: { nodeId: number }): Promise<KafkaBroker>;
  /** @param of.coordinatorType 0 of a group, which is the default, 1 of a transactional id */
  findGroupCoordinator(of: { groupId: string; coordinatorType?: 0 | 1 }): Promise<KafkaBroker>;
  isConnected(): boolean;
}

export interface TopicMetadata {
  readonly topic: string;
  readonly partitionMetadata: readonly PartitionMetadata[];
}

export interface PartitionMetadata {
  readonly partitionId: number;
  readonly leader: number;
  /** Replicas in sync. */
  readonly isr: readonly number[];
}

export interface KafkaBroker {
  readonly nodeId: number;
  /** By request, which versions of it the broker takes. */
  readonly versions: Readonly<Record<number, { minVersion: number; maxVersion: number }>>;
  readonly connectionPool: {
    readonly host: string;
    readonly port: number;
    /** Connected; fetches have one of their own. */
    getConnectionByRequest(request: { readonly request: { readonly apiKey: number } }): Promise<KafkaConnection>;
  };
  disconnect(): Promise<void>;
  listOffsets(request: unknown): Promise<{
    responses: readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[];
  }>;
  offsetFetch(request: unknown): Promise<{
    responses: readonly {
      partitions: readonly { partition: number; offset: string; metadata: string | null }[];
    }[];
  }>;
  describeGroups(request: { groupIds: readonly string[] }): Promise<{
    groups: readonly { members: readonly { memberId: string }[] }[];
  }>;
  offsetCommit(request: unknown): Promise<unknown>;
}

export interface KafkaConnection {
  readonly clientId: string;
  readonly socket: Pick<Socket, "cork" | "uncork" | "write">;
  readonly requestQueue: {
    /** Sends it, now or when what a broker said of throttling is over. */
    push(request: {
      readonly entry: {
        readonly apiKey: number;
        readonly apiName: string;
        readonly apiVersion: number;
        readonly correlationId: number;
        resolve(answer: { readonly payload: Buffer }): void;
        reject(error: Error): void;
      };
      readonly expectResponse: boolean;
      /** Milliseconds; null takes the client's. */
      readonly requestTimeout: number | null;
      sendRequest(): void;
    }): void;
    /** Nothing is sent for so many milliseconds. */
    maybeThrottle(ms: number): void;
  };
  isAuthenticated(): boolean;
  authenticate(): Promise<void>;
  /** @throws a KafkaJSConnectionError */
  failIfNotConnected(): void;
  nextCorrelationId(): number;
}

/** What of a transactional producer is not its records: its id and epoch at the brokers, who takes part, begin and end. */
export interface TransactionManager {
  /** Ends what older producers of the transactional id left open, and fences them out. */
  initProducerId(): Promise<void>;
  /** 64 bits, as decimal digits. */
  getProducerId(): string;
  getProducerEpoch(): number;
  beginTransaction(): void;
  addPartitionsToTransaction(
    topics: readonly { topic: string; partitions: readonly { partition: number }[] }[],
  ): Promise<void>;
  sendOffsets(offsets: {
    consumerGroupId: string;
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; offset: string; metadata: string }[];
    }[];
  }): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

const inside = createRequire(import.meta.url);
const createTransactionManager = inside("kafkajs/src/producer/eosManager") as (options: {
  logger: Pick<Logger, "debug">;
  cluster: KafkaCluster;
  transactionTimeout: number;
  transactional: true;
  transactionalId: string;
}) => TransactionManager;

/** @param timeoutMs after which the brokers abort a transaction that nobody ends */
export function transactionManagerOf(
  cluster: KafkaCluster,
  transactionalId: string,
  timeoutMs: number,
  logger: Logger,
): TransactionManager {
  return createTransactionManager({
    logger: { debug: (message: unknown) => logger.debug({ kafkajs: "EosManager" }, String(message)) },
    cluster,
    transactionTimeout: timeoutMs,
    transactional: true,
    transactionalId,
  });
}

/** A cluster with connections of its own, made with the client's settings. */
export function clusterOf(kafka: Kafka): KafkaCluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === "private:Kafka:createCluster",
  );
  const create = (kafka as unknown as Record<symbol, (options: object) => KafkaCluster>)[symbol!];
  if (create === undefined) throw new TypeError("this version of kafkajs has no cluster within: 2.2.4 is needed");
  return create.call(kafka, { metadataMaxAge: 60_000, allowAutoTopicCreation: false, maxInFlightRequests: null });
}
