import { LogUnavailable } from "./errors.js";
import type { KafkaBroker, KafkaCluster, KafkaConnection } from "./kafka-client.js";

/** A request whose bytes lie ready, and how its answer is read. */
export interface WrittenRequest<Answer extends { readonly throttleMs: number }> {
  readonly apiKey: number;
  readonly apiVersion: number;
  /** As messages and metrics name it. */
  readonly apiName: string;
  /** What follows the request's header, in pieces. */
  readonly body: readonly Uint8Array[];
  decode(bytes: Buffer): Answer;
}

/**
 * Sends a request to a broker and waits no longer than a deadline: kafkajs's own timeouts do not bound a request on a
 * connection that hangs. Such a connection is given up. What an answer says of throttling holds for what is sent next.
 *
 * @throws LogUnavailable, and what kafkajs throws
 */
export function askBroker<Answer extends { readonly throttleMs: number }>(
  cluster: KafkaCluster,
  broker: KafkaBroker,
  request: WrittenRequest<Answer>,
  what: string,
  deadlineMs: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      cluster.removeBroker(broker.connectionPool);
      void broker.disconnect().catch(() => {});
      reject(new LogUnavailable(what, new Error(`no answer within ${deadlineMs} ms`)));
    }, deadlineMs);
    send(broker, request)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

async function send<Answer extends { readonly throttleMs: number }>(
  broker: KafkaBroker,
  request: WrittenRequest<Answer>,
): Promise<Answer> {
  const connection = await broker.connectionPool.getConnectionByRequest({ request });
  if (!connection.isAuthenticated()) await connection.authenticate();
  connection.failIfNotConnected();
  const payload = await write(connection, request);
  const answer = request.decode(payload);
  connection.requestQueue.maybeThrottle(answer.throttleMs);
  return answer;
}

/**
 * Puts a request into a connection's queue as kafkajs does, except that it goes to the socket as it lies: kafkajs copies
 * each twice, into memory that it clears before.
 */
function write(
  connection: KafkaConnection,
  { apiKey, apiVersion, apiName, body }: Omit<WrittenRequest<{ readonly throttleMs: number }>, "decode">,
): Promise<Buffer> {
  const { clientId } = connection;
  const correlationId = connection.nextCorrelationId();
  const header = Buffer.allocUnsafe(4 + 2 + 2 + 4 + 2 + Buffer.byteLength(clientId));
  const size = body.reduce((sum, { length }) => sum + length, header.length - 4);
  let at = header.writeInt32BE(size, 0);
  at = header.writeInt16BE(apiKey, at);
  at = header.writeInt16BE(apiVersion, at);
  at = header.writeInt32BE(correlationId, at);
  at = header.writeInt16BE(Buffer.byteLength(clientId), at);
  header.write(clientId, at);
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
        const { socket } = connection;
        socket.cork();
        socket.write(header);
        for (const piece of body) socket.write(piece);
        socket.uncork();
      },
    });
  });
}

/** What can be done after a request failed: the connection is made anew, and who leads what is asked again. */
export async function recoverCluster(cluster: KafkaCluster, error: unknown): Promise<void> {
  const { host, port } = (error ?? {}) as { host?: string; port?: number };
  if (host !== undefined && port !== undefined) cluster.removeBroker({ host, port });
  try {
    if (!cluster.isConnected()) await cluster.connect();
    await cluster.refreshMetadata();
  } catch {
    // the next attempt tells
  }
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
