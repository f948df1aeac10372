import { createRequire } from "node:module";
import type { Socket } from "node:net";
import type { GroupMember, Kafka } from "kafkajs";

/**
 * Everything of kafkajs that is not its public face and that the plant uses, and nothing of it is used elsewhere. Below
 * its producer and consumer lie connections, metadata and single requests. Its public face reads no offset, encodes each
 * record through a dozen objects, numbers what follows a batch of unknown outcome anew, and keeps a connection whose
 * handshake failed. The version is pinned; kafkajs-internals.test.ts fails when any of this changes.
 */

export interface KafkaCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** Ends the connections to a broker: the next request makes others. */
  removeBroker(place: { host: string; port: number }): void;
  refreshMetadata(): Promise<void>;
  /** The same where what is known is older than a minute. */
  refreshMetadataIfNecessary(): Promise<void>;
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
  readonly brokerPool: BrokerPool;
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

/** The brokers that a cluster knows of. */
export interface BrokerPool {
  brokers: Record<string, KafkaBroker>;
  /** The one from the configuration by which it got to know the others; it may be one of them. */
  seedBroker: KafkaBroker | undefined;
  /** Null asks again at the next look. */
  metadataExpireAt: number | null;
  readonly connectionPoolBuilder: {
    build(place?: { host: string; port: number; rack?: string | null }): Promise<ConnectionPool>;
  };
  createBroker(options: object): KafkaBroker;
  connect(): Promise<void>;
  findBroker(which: { nodeId: number | string }): Promise<KafkaBroker>;
  /** Any one that metadata can be asked of. */
  findConnectedBroker(): Promise<KafkaBroker>;
  /** Asks one after the other until one answers. */
  withBroker<Answer>(ask: (which: { nodeId: number; broker: KafkaBroker }) => Promise<Answer>): Promise<Answer>;
}

export type VersionRanges = Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>;

export interface KafkaBroker {
  readonly nodeId: number;
  /** By request, which versions of it the broker takes: what it answered in the handshake. */
  versions: VersionRanges | null;
  connectionPool: ConnectionPool;
  /** Connects, asks for the versions, logs in. */
  connect(): Promise<void>;
  isConnected(): boolean;
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
  /** Joins under the id that the group gives where none is named. */
  joinGroup(request: {
    readonly groupId: string;
    readonly sessionTimeout: number;
    readonly rebalanceTimeout: number;
    readonly memberId: string;
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  }): Promise<{
    readonly generationId: number;
    readonly memberId: string;
    readonly leaderId: string;
    /** Of the leader's answer alone. */
    readonly members: readonly GroupMember[];
  }>;
  syncGroup(
    request: GroupMemberName & {
      readonly generationId: number;
      readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[];
    },
  ): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: GroupMemberName & { readonly groupGenerationId: number }): Promise<unknown>;
  leaveGroup(request: GroupMemberName): Promise<unknown>;
  /** These throw what has a `type`, Kafka's name of the error. */
  initProducerId(request: {
    readonly transactionalId: string;
    readonly transactionTimeout: number;
  }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>;
  addPartitionsToTxn(
    request: ProducerIdentity & {
      readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
    },
  ): Promise<unknown>;
  addOffsetsToTxn(request: ProducerIdentity & { readonly groupId: string }): Promise<unknown>;
  txnOffsetCommit(
    request: ProducerIdentity & { readonly groupId: string; readonly topics: readonly OffsetsOfTopic[] },
  ): Promise<unknown>;
  endTxn(request: ProducerIdentity & { readonly transactionResult: boolean }): Promise<unknown>;
}

/** A member of a group. */
export interface GroupMemberName {
  readonly groupId: string;
  readonly memberId: string;
}

/** Who writes a transaction. */
export interface ProducerIdentity {
  readonly transactionalId: string;
  /** 64 bits, as decimal digits. */
  readonly producerId: string;
  readonly producerEpoch: number;
}

export interface OffsetsOfTopic {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: string; readonly metadata: string }[];
}

/** A broker's two connections: one for fetches, one for all else. */
export interface ConnectionPool {
  readonly host: string;
  readonly port: number;
  readonly rack: string | null | undefined;
  pool: KafkaConnection[];
  /** Connected; 1 is that of fetches. */
  getConnection(index?: number): Promise<KafkaConnection>;
  getConnectionByRequest(request: { readonly request: { readonly apiKey: number } }): Promise<KafkaConnection>;
  destroy(): Promise<void>;
}

export interface KafkaConnection {
  readonly clientId: string;
  readonly host: string;
  readonly port: number;
  readonly socket: Socket | undefined;
  /** What it logs in with, if anything. */
  readonly sasl: object | null | undefined;
  connectionStatus: "connected" | "disconnecting" | "disconnected";
  /** Waits for the answer of a login. */
  readonly authHandlers: { onError(): void } | null;
  readonly versions: VersionRanges | null;
  readonly requestQueue: RequestQueue;
  isConnected(): boolean;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
  isAuthenticated(): boolean;
  authenticate(): Promise<void>;
  send(request: { readonly request: { readonly apiKey: number } }): Promise<unknown>;
  setVersions(versions: VersionRanges | null): void;
  getSupportAuthenticationProtocol(): boolean | null;
  setSupportAuthenticationProtocol(isSupported: boolean | null): void;
  /** @throws a KafkaJSConnectionError */
  failIfNotConnected(): void;
  nextCorrelationId(): number;
  /** Ends all requests that wait. */
  rejectRequests(error: Error): void;
}

export interface RequestQueue {
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
  /** By correlation id, what waits for its answer. */
  readonly inflight: ReadonlyMap<number, { readonly sentAt: number | null }>;
  waitForPendingRequests(): Promise<void>;
  /** Ends its timers. */
  destroy(): void;
}

/**
 * A broker answers the requests of a connection one after the other: with more of them under way the last ones would get
 * their answers too late, be sent again, and so for ever.
 */
const MOST_IN_FLIGHT = 32;

type CreateCluster = (options: object) => KafkaCluster;

/** Where a client keeps the function that makes its clusters: of its consumers, admins and ours. */
function createClusterKey(kafka: Kafka): symbol {
  const found = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === "private:Kafka:createCluster",
  );
  if (found === undefined) throw new TypeError("this version of kafkajs has no cluster within: 2.2.4 is needed");
  return found;
}

const clusterMaker = (kafka: Kafka) => kafka as unknown as Record<symbol, CreateCluster>;

/** Every cluster that the client makes from here on goes through a function first. */
export function withEveryCluster(kafka: Kafka, mend: (cluster: KafkaCluster) => KafkaCluster): Kafka {
  const key = createClusterKey(kafka);
  const create = clusterMaker(kafka)[key]!;
  clusterMaker(kafka)[key] = (options) => mend(create.call(kafka, options));
  return kafka;
}

/** A cluster with connections of its own, made with the client's settings. */
export function clusterOf(kafka: Kafka): KafkaCluster {
  const create = clusterMaker(kafka)[createClusterKey(kafka)]!;
  return create.call(kafka, {
    metadataMaxAge: 60_000,
    allowAutoTopicCreation: false,
    maxInFlightRequests: MOST_IN_FLIGHT,
  });
}

/**
 * Ends a connection at once, whatever it is doing: what waits on it is rejected, its socket is gone, and nothing that it
 * says is taken any more.
 */
export function destroyConnection(connection: KafkaConnection, why: Error): void {
  const { socket, requestQueue } = connection;
  connection.connectionStatus = "disconnected";
  connection.authHandlers?.onError();
  connection.rejectRequests(why);
  requestQueue.destroy();
  if (socket === undefined) return;
  // an error is listened to still: it is what ends an attempt to connect
  for (const event of ["data", "timeout"]) socket.removeAllListeners(event);
  socket.destroy(socket.connecting ? why : undefined);
}

/** What the plant has kafkajs ask brokers. */
const askedByLibrary = [
  ...["ListOffsets", "Metadata", "OffsetCommit", "OffsetFetch", "GroupCoordinator", "JoinGroup", "Heartbeat"],
  ...["LeaveGroup", "SyncGroup", "DescribeGroups", "CreateTopics", "InitProducerId", "AddPartitionsToTxn"],
  ...["AddOffsetsToTxn", "EndTxn", "TxnOffsetCommit", "DescribeConfigs", "AlterConfigs", "CreatePartitions"],
];

/** The requests that the plant has kafkajs make, and which versions of them it can write. */
export function libraryRequests(): { readonly request: string; readonly key: number; readonly versions: number[] }[] {
  const inside = createRequire(import.meta.url);
  const { requests } = inside("kafkajs/src/protocol/requests/index.js") as {
    requests: Record<string, { versions: string[] }>;
  };
  const keys = inside("kafkajs/src/protocol/requests/apiKeys.js") as Record<string, number>;
  return askedByLibrary.map((request) => ({
    request,
    key: keys[request]!,
    versions: requests[request]!.versions.map(Number),
  }));
}
