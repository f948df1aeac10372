import { z } from "zod";
import { plantConfig } from "./plant-config.js";

/** What the reference, the environment and the blanking of secrets need of the configuration's JSON Schema. */
export interface ConfigNode {
  readonly type?: "object" | "array" | "string" | "number" | "integer" | "boolean";
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly (string | number)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly properties?: Readonly<Record<string, ConfigNode>>;
  readonly required?: readonly string[];
  readonly items?: ConfigNode;
  /** The value is blanked wherever the configuration is shown. */
  readonly secret?: boolean;
}

/** The configuration's shape as plain data, made from the very schema that checks it. */
export const configSchema = z.toJSONSchema(plantConfig, { io: "input" }) as ConfigNode;
