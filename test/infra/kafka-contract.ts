import { randomUUID } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import { logContract } from "../conformance/log-contract.js";
import { kafkaForTests, type SharedKafka } from "../services/shared-services.js";
import { kafkaConfig, testLogger } from "./kafka-rig.js";

/** The log's contract on a release of Kafka. */
export function kafkaContract(version: string): void {
  let kafka: SharedKafka;
  beforeAll(async () => {
    kafka = await kafkaForTests(version);
  });
  afterAll(() => kafka.stop());

  logContract(`KafkaLog on Kafka ${version}`, async () => {
    const namespace = `t${randomUUID().slice(0, 8)}`;
    const open = () => KafkaLog.open({ kafka: kafkaConfig(kafka.brokers), namespace, logger: testLogger });
    const opened = [await open()];
    return {
      log: opened[0]!,
      reopen: async () => {
        await opened.at(-1)!.close();
        opened.push(await open());
        return opened.at(-1)!;
      },
      cleanup: async () => {
        for (const log of opened) await log.close();
      },
    };
  });
}
