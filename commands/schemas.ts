import type { Command } from "commander";
import { registryOf } from "../plant/parts.js";
import { IncompatibleSchema } from "../schemas/errors.js";
import type { SchemaRegistry } from "../schemas/registry.js";
import { schemaText, subjectOf, TOPICS, type Topic } from "../schemas/subjects.js";
import { type ConfigOptions, configOf, configOptions, defaultConfigFile } from "./options.js";

/** `tickplant schemas`: the schemas of every topic in the registry that the configuration names. */
export function schemasCommand(program: Command): void {
  const schemas = program.command("schemas").description("register the topics' schemas, or check that they can be");
  configOptions(schemas.command("register"))
    .description("register every topic's schema, before the roles of a new version start")
    .action(async (options: ConfigOptions) => {
      const { subjectName, registry } = open(options);
      const before = await checkAll(registry);
      if (before === undefined) return;
      for (const topic of TOPICS) {
        const id = before[topic] ?? (await registry.register(subjectOf(topic), schemaText(topic)));
        print(subjectName(topic), `id ${id}`, before[topic] === undefined ? "new" : "registered already");
      }
    });
  configOptions(schemas.command("check"))
    .description("say whether every topic's schema could be registered, and change nothing")
    .action(async (options: ConfigOptions) => {
      const { subjectName, registry } = open(options);
      const before = await checkAll(registry);
      if (before === undefined) return;
      for (const topic of TOPICS) {
        const id = before[topic];
        print(subjectName(topic), id === undefined ? "" : `id ${id}`, id === undefined ? "new" : "registered already");
      }
    });
}

function open(options: ConfigOptions): { registry: SchemaRegistry; subjectName(topic: Topic): string } {
  const config = configOf(options, defaultConfigFile);
  const prefix = config.registry !== undefined && config.namespace !== "" ? `${config.namespace}.` : "";
  return { registry: registryOf(config), subjectName: (topic) => prefix + subjectOf(topic) };
}

/** The id of each topic's schema that is registered. Refusals are all told, and then there is no answer. */
async function checkAll(registry: SchemaRegistry): Promise<Partial<Record<Topic, number>> | undefined> {
  const ids: Partial<Record<Topic, number>> = {};
  let refusals = 0;
  for (const topic of TOPICS) {
    try {
      const id = await registry.check(subjectOf(topic), schemaText(topic));
      if (id !== undefined) ids[topic] = id;
    } catch (error) {
      if (!(error instanceof IncompatibleSchema)) throw error;
      process.stderr.write(`${error.code}: ${error.message}\n`);
      refusals++;
    }
  }
  if (refusals === 0) return ids;
  process.exitCode = 1;
  return undefined;
}

function print(subject: string, id: string, state: string): void {
  process.stdout.write(`${subject.padEnd(28)} ${id.padEnd(8)} ${state}\n`);
}
