import { pathText } from "./config-invalid.js";
import { type ConfigNode, configSchema } from "./config-schema.js";
import { environmentName, environmentPrefix } from "./environment.js";

/** docs/configuration.md: every key with its default, bounds, unit and meaning, made from the schema that checks it. */
export function configReference(): string {
  const lines = [
    "# Configuration",
    "",
    "This page is made from the schema that checks the configuration (`infra/config/`).",
    "",
    "A configuration is a YAML file: `config/default.yaml` (the demo: simulated venues) unless `--config FILE` names",
    "another; `config/live.yaml` takes in live venues. Later beats earlier: defaults, file, environment, command line.",
    "A wrong key or value stops the start with an error (`TP_CONFIG_INVALID`) that lists each with its path.",
    "`tickplant config` prints what is in force, with secrets blanked.",
    "",
    `Every key can be set by an environment variable, \`${environmentPrefix}\` and the path in capitals with \`__\``,
    `between levels and \`_\` between words: \`${environmentName(["store", "password"])}\`,`,
    `\`${environmentName(["ingest", "venues", 0, "restUrl"])}\`. Where text is expected the value is taken as it stands,`,
    "elsewhere it is read as YAML. Secrets belong there rather than into a file.",
    "",
  ];
  const top = Object.entries(configSchema.properties ?? {});
  const leaves = top.filter(([, node]) => node.properties === undefined);
  lines.push("## Top level", "", ...table(leaves.map(([key, node]) => row([key], node, false))), "");
  for (const [key, node] of top.filter(([, group]) => group.properties !== undefined)) {
    lines.push(`## ${key}`, "", node.description ?? "", "", ...table(rowsOf([key], node)), "");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function table(rows: readonly string[]): string[] {
  return ["| key | type | default | meaning |", "|---|---|---|---|", ...rows];
}

function rowsOf(path: readonly (string | number)[], node: ConfigNode): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const at = [...path, key];
    if (child.properties !== undefined) return rowsOf(at, child);
    const own = row(at, child, node.required?.includes(key) ?? false);
    return child.items?.properties === undefined ? [own] : [own, ...rowsOf([...at, 0], child.items)];
  });
}

function row(path: readonly (string | number)[], node: ConfigNode, required: boolean): string {
  const standard = required ? "required" : node.default === undefined ? "" : `\`${JSON.stringify(node.default)}\``;
  const secret = node.secret ? " Secret." : "";
  const key = pathText(path).replaceAll("[0]", "[]");
  return `| \`${key}\` | ${typeOf(node)} | ${standard} | ${(node.description ?? "").replaceAll("|", "\\|")}${secret} |`;
}

function typeOf(node: ConfigNode): string {
  if (node.enum !== undefined) return node.enum.map((value) => `\`${value}\``).join(", ");
  if (node.type === "array") {
    const items = node.items?.properties === undefined ? typeOf(node.items ?? {}) : "groups";
    return `list of ${items}`;
  }
  const bounds = boundsOf(node);
  const type = node.type === "integer" ? "whole number" : node.type === "string" ? "text" : (node.type ?? "");
  return bounds === "" ? type : `${type}, ${bounds}`;
}

function boundsOf(node: ConfigNode): string {
  const most = node.maximum === Number.MAX_SAFE_INTEGER ? undefined : node.maximum;
  if (node.exclusiveMinimum === 0 && most === undefined) return "more than 0";
  if (node.exclusiveMinimum === 0) return `more than 0, up to ${most}`;
  if (node.minimum === undefined) return "";
  return most === undefined ? `${node.minimum} or more` : `${node.minimum} to ${most}`;
}
