// Downloads or installs what the tests start as services: Kafka's releases, the schema registry, Redis;
// and lets the Java ones write the archives of classes by which they start quickly.
import { kafkaVersions, prepareKafka } from "./services/kafka.mjs";
import { ensureRedis } from "./services/redis.mjs";
import { prepareRegistry } from "./services/registry.mjs";

try {
  for (const version of kafkaVersions)
    if (!process.env.TICKPLANT_KAFKA_BROKERS) console.log(await prepareKafka(version));
  if (!process.env.TICKPLANT_REGISTRY_URL) console.log(await prepareRegistry());
  if (!process.env.TICKPLANT_REDIS_URL) console.log(await ensureRedis());
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
