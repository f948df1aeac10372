import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { type ConfigOverrides, loadConfig } from "../infra/config/load-config.js";
import type { PlantConfig } from "../infra/config/plant-config.js";

/** The demo's configuration, which `start` takes unless told otherwise. */
export const defaultConfigFile = fileURLToPath(new URL("../config/default.yaml", import.meta.url));

export interface ConfigOptions {
  readonly config?: string;
  readonly dataFolder?: string;
}

export function configOptions(command: Command): Command {
  return command
    .option("-c, --config <file>", "YAML configuration (docs/configuration.md)")
    .option("-d, --data-folder <folder>", "folder of everything that the plant keeps on disk");
}

/** @param fallback the file without --config; undefined for the defaults alone */
export function configOf(options: ConfigOptions, fallback?: string, more: ConfigOverrides = {}): PlantConfig {
  const file = options.config ?? (fallback !== undefined && existsSync(fallback) ? fallback : undefined);
  const overrides: ConfigOverrides = {
    ...more,
    ...(options.dataFolder !== undefined && { dataFolder: options.dataFolder }),
  };
  return loadConfig({ file, env: process.env, overrides });
}
