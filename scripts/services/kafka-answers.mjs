import kafkajs from "kafkajs";

const { Kafka, logLevel } = kafkajs;

/** Whether a cluster at these brokers (host:port) names a controller and so many brokers. Never throws. */
export async function kafkaAnswers(brokers, count = 1) {
  const kafka = new Kafka({
    clientId: "tickplant-services",
    brokers,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3000,
    requestTimeout: 5000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    return cluster.brokers.length >= count && cluster.controller !== null;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
