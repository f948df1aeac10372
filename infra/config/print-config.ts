import { stringify } from "yaml";
import { type ConfigNode, configSchema } from "./config-schema.js";
import type { PlantConfig } from "./plant-config.js";

const BLANK = "********";

/** The configuration in force as YAML, with secrets blanked. */
export function printConfig(config: PlantConfig): string {
  return stringify(blanked(config, configSchema), { lineWidth: 120 });
}

function blanked(value: unknown, node: ConfigNode | undefined): unknown {
  if (node?.secret === true) return value === "" || value === undefined ? value : BLANK;
  if (Array.isArray(value)) return value.map((item) => blanked(item, node?.items));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, blanked(item, node?.properties?.[key])]));
}
