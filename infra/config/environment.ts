import { parse } from "yaml";
import type { ConfigProblem } from "./config-invalid.js";
import { type ConfigNode, configSchema } from "./config-schema.js";

/** Variables that begin with it set configuration; other variables are left alone. */
export const environmentPrefix = "TICKPLANT__";

/** One key of the configuration and what the environment sets it to. */
export interface EnvironmentSetting {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

/**
 * Reads `TICKPLANT__STORE__PASSWORD` as `store.password`: keys in capitals, words divided by `_`, levels by `__`,
 * entries of lists by number (`TICKPLANT__INGEST__VENUES__0__REST_URL`). Text is taken as it stands where text is
 * expected, so that a password of digits stays a password; elsewhere the value is read as YAML (`8080`, `[push]`).
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): {
  settings: EnvironmentSetting[];
  problems: ConfigProblem[];
} {
  const settings: EnvironmentSetting[] = [];
  const problems: ConfigProblem[] = [];
  for (const name of Object.keys(env).sort()) {
    const text = env[name];
    if (text === undefined || !name.startsWith(environmentPrefix)) continue;
    const found = keyOf(name.slice(environmentPrefix.length).split("__"));
    if (found === undefined) {
      problems.push({ path: name, message: "no key of the configuration has this name" });
      continue;
    }
    try {
      settings.push({ path: found.path, value: found.node.type === "string" ? text : parse(text) });
    } catch {
      problems.push({ path: name, message: "expected a value as YAML writes it" });
    }
  }
  return { settings, problems };
}

/** The variable that sets a key; undefined for keys that no variable can name (topics). */
export function environmentName(path: readonly (string | number)[]): string | undefined {
  const parts = path.map((key) => (typeof key === "number" ? String(key) : upperSnake(key)));
  return path.some((key) => String(key).includes(".")) ? undefined : environmentPrefix + parts.join("__");
}

function keyOf(parts: readonly string[]): { path: (string | number)[]; node: ConfigNode } | undefined {
  const path: (string | number)[] = [];
  let node: ConfigNode = configSchema;
  for (const part of parts) {
    if (node.items !== undefined && /^\d{1,4}$/.test(part)) {
      path.push(Number(part));
      node = node.items;
      continue;
    }
    const key = Object.keys(node.properties ?? {}).find((candidate) => upperSnake(candidate) === part);
    const next = key === undefined ? undefined : node.properties?.[key];
    if (key === undefined || next === undefined) return undefined;
    path.push(key);
    node = next;
  }
  return { path, node };
}

function upperSnake(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
