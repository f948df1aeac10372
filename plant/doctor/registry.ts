import type { PlantConfig } from "../../infra/config/plant-config.js";
import type { RegistryConfig } from "../../infra/config/services-config.js";
import { SCHEMAS, subjectOf, type Topic } from "../../schemas/subjects.js";
import { topicSettings } from "../topics.js";
import { type Check, type Finding, note, ok, wrong } from "./finding.js";

const JSON_TYPE = "application/vnd.schemaregistry.v1+json";

/** Whether the registry answers and knows the plant's schemas, or takes them as newer versions. */
export function registryCheck(config: PlantConfig, registry: RegistryConfig): Check {
  const name = "registry";
  const todo = `start it, or mend registry.url (${registry.url}), registry.user, registry.password`;
  return {
    name,
    todo,
    async run(signal) {
      const ask = asking(registry, signal);
      const { status, body } = await ask("/subjects");
      if (status === 401 || status === 403) return [wrong(name, `it refuses this user (HTTP ${status})`, todo)];
      if (status !== 200 || !Array.isArray(body))
        return [wrong(name, `HTTP ${status}, which no schema registry answers`, todo)];
      const known = new Set(body as string[]);
      const prefix = config.namespace === "" ? "" : `${config.namespace}.`;
      const subjects = topicSettings(config).map(({ name: topic }) => ({
        subject: prefix + subjectOf(topic),
        schema: JSON.stringify(SCHEMAS[topic as Topic]),
      }));
      const missing = subjects.filter(({ subject }) => !known.has(subject)).map(({ subject }) => subject);
      const findings: Finding[] = [];
      if (missing.length > 0)
        findings.push(wrong(name, `not registered: ${missing.join(", ")}`, "run `tickplant schemas register`"));
      const present = subjects.filter(({ subject }) => known.has(subject));
      findings.push(...(await Promise.all(present.map((one) => compared(name, one, ask)))).flat());
      return findings.length > 0 ? findings : [ok(name, `${present.length} schemas are registered`)];
    },
  };
}

type Ask = (path: string, body?: object) => Promise<{ status: number; body: unknown }>;

function asking({ url, user, password }: RegistryConfig, signal: AbortSignal): Ask {
  const basic = Buffer.from(`${user}:${password}`).toString("base64");
  return async (path, body) => {
    const response = await fetch(url.replace(/\/$/, "") + path, {
      signal,
      headers: { "content-type": JSON_TYPE, ...(user !== "" && { authorization: `Basic ${basic}` }) },
      ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
    });
    const text = await response.text();
    try {
      return { status: response.status, body: JSON.parse(text) as unknown };
    } catch {
      return { status: response.status, body: text };
    }
  };
}

/** Both requests only look: neither registers. */
async function compared(name: string, { subject, schema }: { subject: string; schema: string }, ask: Ask) {
  const path = encodeURIComponent(subject);
  if ((await ask(`/subjects/${path}`, { schema })).status === 200) return [];
  const { status, body } = await ask(`/compatibility/subjects/${path}/versions/latest`, { schema });
  const compatible = (body as { is_compatible?: boolean } | null)?.is_compatible;
  if (status === 200 && compatible === true)
    return [note(name, `${subject} has other versions, which the plant's schema can follow`)];
  const why = status === 200 ? "is not compatible with this plant's" : `can not be compared (HTTP ${status})`;
  return [wrong(name, `the schema of ${subject} ${why}`, "run the version of the plant that wrote it, or a namespace")];
}
