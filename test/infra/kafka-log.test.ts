import { randomUUID } from "node:crypto";
import { loadConfig } from "../../infra/config/load-config.js";
import { KafkaLog } from "../../infra/log/kafka/kafka-log.js";
import { createLogger } from "../../infra/logging.js";
import { logContract } from "../conformance/log-contract.js";

const logger = createLogger({ level: process.env.TICKPLANT_TEST_LOG ?? "silent" });

logContract("KafkaLog", async () => {
  const namespace = `t${randomUUID().slice(0, 8)}`;
  const { kafka } = loadConfig({
    env: {},
    overrides: { log: { kafka: { brokers: [process.env.TICKPLANT_KAFKA_BROKERS ?? ""] } } },
  }).log;
  const open = () => KafkaLog.open({ kafka: kafka!, namespace, logger });
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
