import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import type { z } from "zod";
import { ConfigInvalid, type ConfigProblem, pathText } from "./config-invalid.js";
import { type EnvironmentSetting, readEnvironment } from "./environment.js";
import { type PlantConfig, type PlantConfigInput, plantConfig } from "./plant-config.js";

/** Any part of the configuration, at any depth. */
export type ConfigOverrides = DeepPartial<PlantConfigInput>;

type DeepPartial<Value> = Value extends readonly unknown[]
  ? Value
  : Value extends object
    ? { [Key in keyof Value]?: DeepPartial<Value[Key]> | undefined }
    : Value;

/**
 * The plant's configuration: the defaults, then the file, then the environment, then `overrides` (the command
 * line), the later before the earlier. Groups are merged key by key; lists are replaced whole.
 *
 * @param options.file YAML; without it only defaults
 * @param options.env  usually process.env
 * @throws ConfigInvalid naming every wrong key and value with its path
 */
export function loadConfig(options: {
  file?: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
  overrides?: ConfigOverrides;
}): PlantConfig {
  const environment = readEnvironment(options.env);
  let values: unknown = options.file === undefined ? {} : readYaml(options.file);
  for (const setting of environment.settings) {
    values = assign(values, setting.path, setting);
  }
  if (options.overrides !== undefined) values = merge(values, options.overrides);
  const checked = plantConfig.safeParse(values);
  const problems = [...environment.problems, ...(checked.error?.issues.flatMap(problemsOf) ?? [])];
  if (!checked.success || problems.length > 0) throw new ConfigInvalid(problems);
  return checked.data;
}

/** @throws ConfigInvalid when the file can not be read or is not YAML */
function readYaml(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigInvalid([{ path: file, message: `can not be read (${reason}); name another with --config` }]);
  }
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) {
    throw new ConfigInvalid(
      document.errors.map((error) => ({ path: file, message: error.message.split("\n")[0] ?? error.code })),
    );
  }
  return document.toJS() ?? {};
}

function problemsOf(issue: z.core.$ZodIssue): ConfigProblem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      message: "there is no such key; is it misspelt or in the wrong place?",
    }));
  }
  return [{ path: pathText(issue.path), message: issue.message.replace(/^(Invalid \w+|Too (small|big)): /, "") }];
}

/** `into` with a value set at a path. Wrong shapes on the way are replaced: the check names what is wrong then. */
function assign(into: unknown, path: readonly (string | number)[], setting: EnvironmentSetting): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return setting.value;
  if (typeof key === "number") {
    const list: unknown[] = Array.isArray(into) ? [...into] : [];
    list[key] = assign(list[key], rest, setting);
    return list;
  }
  const group = isGroup(into) ? into : {};
  return { ...group, [key]: assign(group[key], rest, setting) };
}

function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isGroup(base) || !isGroup(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    merged[key] = merge(base[key], value);
  }
  return merged;
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
