import { LogUnavailable, VersionsApart } from "./errors.js";
import { endSilentConnection } from "./handshake.js";
import { inTime, soonest } from "./in-time.js";
import type { KafkaBroker, KafkaCluster, KafkaConnection } from "./kafkajs-internals.js";

/** What goes on longer goes on beside. */
const RECOVERY_MS = 10_000;

/** A request that the plant writes itself, in any of some versions. */
export interface WrittenRequest {
  readonly apiKey: number;
  /** As messages and metrics name it. */
  readonly apiName: string;
  /** Those that can be written. */
  readonly versions: { readonly min: number; readonly max: number };
  /** From which version on headers have tagged fields. */
  readonly firstFlexible: number;
  /** What follows the request's header, in pieces. */
  write(version: number): readonly Uint8Array[];
}

/** The same, and how its answer is read. */
export interface BrokerRequest<Answer extends { readonly throttleMs: number }> extends WrittenRequest {
  decode(bytes: Buffer, version: number): Answer;
}

/**
 * Sends a request to a broker, in the newest version that both know, and waits no longer than a deadline. A connection on
 * which none came is thrown away. What an answer says of throttling holds for what is sent next.
 *
 * @param deadlineMs from when it may be sent; connecting has its own
 * @throws LogUnavailable, VersionsApart, and what kafkajs throws
 */
export async function askBroker<Answer extends { readonly throttleMs: number }>(
  broker: KafkaBroker,
  request: BrokerRequest<Answer>,
  what: string,
  deadlineMs: number,
): Promise<Answer> {
  const connection = await broker.connectionPool.getConnectionByRequest({ request });
  await connection.authenticate();
  connection.failIfNotConnected();
  const version = commonVersion(broker, request);
  const isFlexible = version >= request.firstFlexible;
  const payload = await inTime(write(connection, request, version, isFlexible), deadlineMs, () => {
    const late = new LogUnavailable(what, new Error(`no answer within ${deadlineMs} ms`));
    endSilentConnection(connection, late);
    return late;
  });
  const answer = request.decode(payload, version);
  connection.requestQueue.maybeThrottle(answer.throttleMs);
  return answer;
}

/** The newest version of a request that both sides know. @throws VersionsApart */
export function commonVersion(
  { versions, connectionPool }: Pick<KafkaBroker, "versions" | "connectionPool">,
  { apiKey, apiName, versions: own }: Pick<WrittenRequest, "apiKey" | "apiName" | "versions">,
): number {
  const theirs = versions?.[apiKey];
  const version = Math.min(own.max, theirs?.maxVersion ?? -1);
  if (theirs === undefined || version < Math.max(own.min, theirs.minVersion)) {
    const place = `${connectionPool.host}:${connectionPool.port}`;
    const range = theirs === undefined ? "none" : `${theirs.minVersion} to ${theirs.maxVersion}`;
    throw new VersionsApart(place, apiName, range, `${own.min} to ${own.max}`);
  }
  return version;
}

/**
 * Puts a request into a connection's queue as kafkajs does, except that it goes to the socket as it lies: kafkajs copies
 * each twice, into memory that it clears before.
 */
function write(
  connection: KafkaConnection,
  request: WrittenRequest,
  apiVersion: number,
  isFlexible: boolean,
): Promise<Buffer> {
  const { clientId } = connection;
  const { apiKey, apiName } = request;
  const body = request.write(apiVersion);
  const correlationId = connection.nextCorrelationId();
  const header = Buffer.allocUnsafe(4 + 2 + 2 + 4 + 2 + Buffer.byteLength(clientId) + (isFlexible ? 1 : 0));
  const size = body.reduce((sum, { length }) => sum + length, header.length - 4);
  let at = header.writeInt32BE(size, 0);
  at = header.writeInt16BE(apiKey, at);
  at = header.writeInt16BE(apiVersion, at);
  at = header.writeInt32BE(correlationId, at);
  at = header.writeInt16BE(Buffer.byteLength(clientId), at);
  at += header.write(clientId, at);
  if (isFlexible) header[at] = 0;
  return new Promise((resolve, reject) => {
    connection.requestQueue.push({
      entry: {
        apiKey,
        apiName,
        apiVersion,
        correlationId,
        resolve: ({ payload }) => resolve(payload),
        reject,
      },
      expectResponse: true,
      requestTimeout: null,
      sendRequest: () => {
        const socket = connection.socket!;
        socket.cork();
        socket.write(header);
        for (const piece of body) socket.write(piece);
        socket.uncork();
      },
    });
  });
}

/** What can be done after a request failed: the connection is made anew, and who leads what is asked again. */
export function recoverCluster(cluster: KafkaCluster): Promise<void> {
  const recover = async () => {
    if (!cluster.isConnected()) await cluster.connect();
    await cluster.refreshMetadata();
  };
  // the next attempt tells
  return soonest(recover(), RECOVERY_MS);
}

/** The broker that leads a partition; -1 when nobody does, or when it is not known. */
export function leaderOf(cluster: KafkaCluster, topic: string, partition: number): number {
  try {
    const found = cluster.findTopicPartitionMetadata(topic);
    return found.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
  } catch {
    return -1;
  }
}
