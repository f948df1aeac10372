import kafkajs from "kafkajs";

/** Messages in one call of the producer. */
const AT_ONCE = 2_000;

export interface BareRates {
  readonly produced: number;
  readonly consumed: number;
}

/** kafkajs alone: one message a tick into a topic and out of it again, uncompressed, rates a second on the wall. */
export async function bareKafka(broker: string, values: readonly Buffer[], partitions = 12): Promise<BareRates> {
  const topic = `bare${Date.now()}`;
  const kafka = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const began = performance.now();
  for (let at = 0; at < values.length; at += AT_ONCE) {
    const messages = values
      .slice(at, at + AT_ONCE)
      .map((value, i) => ({ value, key: null, partition: i % partitions }));
    await producer.send({ topic, acks: 1, messages });
  }
  const produced = (1000 * values.length) / (performance.now() - began);
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: topic });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let count = 0;
  let first = 0;
  const consumed = await new Promise<number>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    const run = consumer.run({
      partitionsConsumedConcurrently: partitions,
      eachBatch: async ({ batch }) => {
        if (first === 0) first = performance.now();
        for (const { value } of batch.messages) if (value !== null) count++;
        if (count >= values.length) resolve((1000 * count) / (performance.now() - first));
      },
    });
    run.catch(reject);
  });
  await consumer.disconnect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
  return { produced, consumed };
}
