import { UnreadableRecord } from "./errors.js";
import { type SchemaJson, spelledOut } from "./schema-json.js";

/** Of a schema that is put together of others: the type's full name, and the version of the subject that defines it. */
export interface SchemaReference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

/** A schema as a registry answers it. */
export interface StoredSchema {
  readonly schema: string;
  readonly references: readonly SchemaReference[];
}

const mostReferences = 500;
const MADE_UP = "unnamed";

/**
 * One schema that stands by itself: each type that it has from another schema is defined where it is named first, and in
 * whatever that one has from others. Schemas that name each other in a circle are read once each.
 *
 * @param fetch a version of a subject; undefined when there is none
 * @throws UnreadableRecord when a reference leads nowhere, to more than 500 schemas, or to what is no schema
 */
export async function withReferences(
  what: string,
  stored: StoredSchema,
  fetch: (subject: string, version: number) => Promise<StoredSchema | undefined>,
): Promise<string> {
  if (stored.references.length === 0) return stored.schema;
  const definitions = new Map<string, SchemaJson>();
  const seen = new Set<string>();
  const open = [...stored.references];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { subject, version } = next;
    const place = `${subject} version ${version}`;
    if (seen.has(place)) continue;
    seen.add(place);
    if (seen.size > mostReferences) throw new UnreadableRecord(`${what} refers to more than ${mostReferences} schemas`);
    const found = await fetch(subject, version);
    if (found === undefined) throw new UnreadableRecord(`${what} refers to ${place}, which the registry does not have`);
    reading(`${what} refers to ${place}`, () => collect(JSON.parse(found.schema), definitions));
    open.push(...found.references);
  }
  return reading(what, () => JSON.stringify(joined(JSON.parse(stored.schema), definitions)));
}

function reading<Answer>(what: string, read: () => Answer): Answer {
  try {
    return read();
  } catch (cause) {
    throw new UnreadableRecord(`${what}, which can not be read as Avro (${String(cause)})`, { cause });
  }
}

/** Every type that a schema defines, its own and those within, by its full name. */
function collect(schema: unknown, definitions: Map<string, SchemaJson>): void {
  const walk = (part: SchemaJson): void => {
    if (typeof part === "string") return;
    if (Array.isArray(part)) {
      for (const branch of part) walk(branch as SchemaJson);
      return;
    }
    const { name, type, fields, items, values } = part as Readonly<Record<string, unknown>>;
    const isDefinition = typeof name === "string" && typeof type === "string";
    if (isDefinition && !definitions.has(name)) definitions.set(name, part);
    for (const field of (fields as { type: SchemaJson }[] | undefined) ?? []) walk(field.type);
    for (const inner of [items, values, typeof type === "string" ? undefined : type]) {
      if (inner !== undefined) walk(inner as SchemaJson);
    }
  };
  walk(spelledOut(schema));
}

/**
 * The schema with every definition in its first place. A type without a namespace can not be named from within one: where
 * there are namespaces it gets one that is made up.
 */
function joined(schema: unknown, definitions: ReadonlyMap<string, SchemaJson>): SchemaJson {
  const defined = new Set<string>();
  const hasNamespaces = [...definitions.keys()].some(isQualified) || JSON.stringify(schema).includes('"namespace"');
  const visit = {
    defines: (name: string) => void defined.add(name),
    reference: (full: string, written: string): SchemaJson => {
      if (defined.has(full)) return full;
      const known = [full, written].find((name) => definitions.has(name));
      if (known === undefined) return full;
      const name = hasNamespaces && !isQualified(known) ? `${MADE_UP}.${known}` : known;
      if (defined.has(name)) return name;
      return spelledOut({ ...(definitions.get(known) as object), name }, visit);
    },
  };
  return spelledOut(schema, visit);
}

const isQualified = (name: string): boolean => name.includes(".");
