import type { Command } from "commander";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { PlantError } from "../infra/errors.js";
import { createLogger } from "../infra/logging.js";
import { doctor, doctorWithoutConfig } from "../plant/doctor/doctor.js";
import { type Finding, ok, wrong } from "../plant/doctor/finding.js";
import { type ConfigOptions, configOf, configOptions, defaultConfigFile } from "./options.js";

interface DoctorOptions extends ConfigOptions {
  readonly roles?: string;
  readonly json?: boolean;
  readonly venues?: boolean;
}

/** `tickplant doctor`: a line for everything that the plant depends on; 1 when anything is wrong. */
export function doctorCommand(program: Command): void {
  configOptions(program.command("doctor"))
    .description("check all that this configuration depends on, and say what is wrong and what to do; changes nothing")
    .option("--roles <list>", "whose ports to look at: which of ingest,process,sink,push this machine runs")
    .option("--venues", "ask the venues' REST too")
    .option("--json", "one JSON document instead of lines")
    .action(async (options: DoctorOptions) => {
      const findings = await examined(options);
      const bad = findings.some(({ verdict }) => verdict === "wrong");
      const text = options.json ? `${JSON.stringify({ ok: !bad, findings }, null, 2)}\n` : findings.map(line).join("");
      // a connection that hangs must not keep the process
      process.stdout.write(text, () => process.exit(bad ? 1 : 0));
    });
}

async function examined(options: DoctorOptions): Promise<Finding[]> {
  let config: PlantConfig;
  try {
    const roles = options.roles?.split(",") as PlantConfig["roles"] | undefined;
    config = configOf(options, defaultConfigFile, roles === undefined ? {} : { roles });
  } catch (error) {
    if (!(error instanceof PlantError)) throw error;
    const found = `${error.code}: ${error.message.replace(/\s*\n\s*/g, "; ")}`;
    return [wrong("configuration", found, "mend the file or the environment"), ...(await doctorWithoutConfig())];
  }
  const place = config.log.kafka === undefined ? "embedded" : "cluster";
  const logger = createLogger({ ...config.logging, level: "silent" });
  const found = ok("configuration", `${options.config ?? "the default"}, ${place}`);
  return [found, ...(await doctor(config, logger, { venues: options.venues === true }))];
}

function line({ verdict, name, found, todo }: Finding): string {
  return `${verdict.padEnd(5)}  ${name.padEnd(22)}  ${found}${todo === "" ? "" : `: ${todo}`}\n`;
}
