import { LogUnavailable } from "./errors.js";
import type { KafkaBroker, KafkaCluster } from "./kafka-client.js";

/**
 * Sends a request to a broker and waits no longer than a deadline: kafkajs's own timeouts do not bound a request on a
 * connection that hangs. Such a connection is given up.
 *
 * @throws LogUnavailable, and what kafkajs throws
 */
export function askBroker<Answer>(
  cluster: KafkaCluster,
  broker: KafkaBroker,
  request: unknown,
  what: string,
  deadlineMs: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      cluster.removeBroker(broker.connectionPool);
      void broker.disconnect().catch(() => {});
      reject(new LogUnavailable(what, new Error(`no answer within ${deadlineMs} ms`)));
    }, deadlineMs);
    broker.connectionPool
      .send(request)
      .then((answer) => resolve(answer as Answer), reject)
      .finally(() => clearTimeout(timer));
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
