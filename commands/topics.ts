import type { Command } from "commander";
import type { PlantConfig } from "../infra/config/plant-config.js";
import type { Log } from "../infra/log/log.js";
import { createLogger } from "../infra/logging.js";
import { Metrics } from "../infra/metrics.js";
import { openKafkaLog, openLog, partitionsIn } from "../plant/parts.js";
import { topicSettings } from "../plant/topics.js";
import { type ConfigOptions, configOf, configOptions, defaultConfigFile } from "./options.js";

/** `tickplant topics`: every topic with its settings and how much it holds; in Kafka also what is not as configured. */
export function topicsCommand(program: Command): void {
  const topics = configOptions(program.command("topics"))
    .description("list the topics with retention, partitions and records; in Kafka say where they differ")
    .action((options: ConfigOptions) => list(configOf(options, defaultConfigFile)));
  configOptions(topics.command("apply"))
    .description("create topics that are missing, add partitions, mend settings; nothing is ever deleted")
    .action((_own: ConfigOptions, command: Command) => apply(configOf(command.optsWithGlobals(), defaultConfigFile)));
}

async function list(config: PlantConfig): Promise<void> {
  const parts = { logger: createLogger(config.logging), metrics: new Metrics() };
  if (config.log.kafka === undefined) {
    const { log, close } = await openLog(config, parts);
    await print(config, log);
    await close();
    return;
  }
  const log = await openKafkaLog(config, parts);
  try {
    await print(config, log);
    const drift = await log.drift(topicSettings(config));
    for (const { topic, setting, actual, wanted } of drift) {
      process.stdout.write(`differs: ${topic} ${setting} is ${actual ?? "missing"}, configured ${wanted}\n`);
    }
    if (drift.length > 0) process.exitCode = 1;
  } finally {
    await log.close();
  }
}

async function apply(config: PlantConfig): Promise<void> {
  const parts = { logger: createLogger(config.logging), metrics: new Metrics() };
  if (config.log.kafka === undefined) {
    await (await openLog(config, parts)).close();
    process.stdout.write("the embedded log has its topics\n");
    return;
  }
  const log = await openKafkaLog(config, parts);
  try {
    await log.createTopics(topicSettings(config));
    const left = await log.drift(topicSettings(config));
    for (const { topic, setting, actual, wanted } of left) {
      process.stdout.write(`still differs: ${topic} ${setting} is ${actual ?? "missing"}, configured ${wanted}\n`);
    }
    if (left.length > 0) process.exitCode = 1;
    else process.stdout.write(`${topicSettings(config).length} topics are as configured\n`);
  } finally {
    await log.close();
  }
}

async function print(config: PlantConfig, log: Log): Promise<void> {
  for (const { name, cleanup, retentionMs } of topicSettings(config)) {
    const partitions = partitionsIn(log, name) ?? 0;
    let records = 0;
    for (let partition = 0; partition < partitions; partition++) {
      const { start, end } = await log.offsets(name, partition);
      records += end - start;
    }
    const kept = cleanup === "compact" ? "compacted" : `${(retentionMs ?? 0) / 3_600_000} h`;
    process.stdout.write(`${name.padEnd(16)} ${partitions} partitions  ${kept.padEnd(10)} ${records} records\n`);
  }
}
