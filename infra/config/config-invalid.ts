import { PlantError } from "../errors.js";

/** One thing that is wrong with the configuration. */
export interface ConfigProblem {
  /** Where: `ingest.venues[0].symbols`, or a file's name where it can not be read at all. */
  readonly path: string;
  /** What is wrong and what was expected. */
  readonly message: string;
}

/** The configuration can not be used; the message lists everything that is wrong with it. */
export class ConfigInvalid extends PlantError {
  constructor(readonly problems: readonly ConfigProblem[]) {
    const list = problems.map(({ path, message }) => `  ${path}: ${message}`).join("\n");
    super(
      "TP_CONFIG_INVALID",
      `the configuration can not be used:\n${list}\ndocs/configuration.md describes every key.`,
    );
  }
}

/** `["ingest", "venues", 0, "rest"]` → `ingest.venues[0].rest`; a key with a dot in it stands in brackets. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") {
      text += `[${key}]`;
    } else if (/^[A-Za-z_]\w*$/.test(String(key))) {
      text += text === "" ? String(key) : `.${String(key)}`;
    } else {
      text += `[${JSON.stringify(String(key))}]`;
    }
  }
  return text === "" ? "the whole" : text;
}
