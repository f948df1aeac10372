import type { Command } from "commander";
import { createLogger } from "../infra/logging.js";
import { Metrics } from "../infra/metrics.js";
import { openLog } from "../plant/parts.js";
import { topicSettings } from "../plant/topics.js";
import { type ConfigOptions, configOf, configOptions, defaultConfigFile } from "./options.js";

/** `tickplant topics`: every topic with its settings and how much it holds. */
export function topicsCommand(program: Command): void {
  configOptions(program.command("topics"))
    .description("list the topics with retention, partitions and records")
    .action(async (options: ConfigOptions) => {
      const config = configOf(options, defaultConfigFile);
      const logger = createLogger(config.logging);
      const { log, close } = await openLog(config, { logger, metrics: new Metrics() });
      for (const { name, partitions, cleanup, retentionMs } of topicSettings(config)) {
        let records = 0;
        for (let partition = 0; partition < partitions; partition++) {
          const { start, end } = await log.offsets(name, partition);
          records += end - start;
        }
        const kept = cleanup === "compact" ? "compacted" : `${(retentionMs ?? 0) / 3_600_000} h`;
        process.stdout.write(`${name.padEnd(16)} ${partitions} partitions  ${kept.padEnd(10)} ${records} records\n`);
      }
      await close();
    });
}
