/** A schema as JSON has it: a name, a union, or an object with attributes. */
export type SchemaJson = string | readonly SchemaJson[] | { readonly [attribute: string]: unknown };

type Attributes = Readonly<Record<string, unknown>>;

const primitives = new Set(["null", "boolean", "int", "long", "float", "double", "bytes", "string"]);
const named = new Set(["record", "error", "enum", "fixed"]);
/** https://avro.apache.org/docs/1.12.0/specification/#names */
const wellNamed = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/;

/** What a walk over a schema asks of whoever walks. */
export interface SchemaVisit {
  /** What stands for a type that is called by its name, in full and as it was written; by default the full one. */
  reference?(fullName: string, written: string): SchemaJson;
  /** Hears of a type that is defined here, its full name, before its fields are walked. */
  defines?(fullName: string): void;
}

/**
 * A schema in one spelling: names in full, primitives bare where they have no attributes, attributes that say what is
 * so without them left out. All other attributes stay, those that Avro does not know too: readers may go by them.
 *
 * @throws Error for what is no schema
 */
export function spelledOut(schema: unknown, visit: SchemaVisit = {}, space = ""): SchemaJson {
  if (typeof schema === "string") return nameOf(schema, visit, space);
  if (Array.isArray(schema)) return schema.map((branch) => spelledOut(branch, visit, space));
  if (typeof schema !== "object" || schema === null) throw new Error(`${JSON.stringify(schema)} is no schema`);
  const { type, ...rest } = schema as Attributes;
  if (typeof type === "string" && named.has(type)) return definition(type, rest, visit, space);
  if (type === "array") return { type, ...rest, items: spelledOut(rest.items, visit, space) };
  if (type === "map") return { type, ...rest, values: spelledOut(rest.values, visit, space) };
  const inner = spelledOut(type, visit, space);
  // {"type": "string"} is "string"
  return Object.keys(rest).length === 0 ? inner : { type: inner, ...rest };
}

function nameOf(name: string, visit: SchemaVisit, space: string): SchemaJson {
  if (primitives.has(name)) return name;
  const full = fullName(name, space);
  return visit.reference?.(full, name) ?? full;
}

function fullName(name: unknown, space: string): string {
  if (typeof name !== "string" || !wellNamed.test(name)) throw new Error(`${JSON.stringify(name)} is no name`);
  return name.includes(".") || space === "" ? name : `${space}.${name}`;
}

function definition(type: string, attributes: Attributes, visit: SchemaVisit, outer: string): SchemaJson {
  const { name, namespace, aliases, fields, ...rest } = attributes;
  const full = fullName(name, typeof namespace === "string" ? namespace : outer);
  const space = full.slice(0, Math.max(0, full.lastIndexOf(".")));
  visit.defines?.(full);
  return {
    type,
    name: full,
    // else it would belong to the namespace around it
    ...(space === "" && outer !== "" && { namespace: "" }),
    ...aliasesOf(aliases, (alias) => fullName(alias, space)),
    ...rest,
    ...(Array.isArray(fields) && { fields: fields.map((field) => fieldOf(field, visit, space)) }),
  };
}

function fieldOf(field: unknown, visit: SchemaVisit, space: string): SchemaJson {
  const { type, order, aliases, ...rest } = field as Attributes;
  return {
    ...rest,
    type: spelledOut(type, visit, space),
    ...aliasesOf(aliases, (alias) => alias),
    ...(order !== undefined && order !== "ascending" && { order }),
  };
}

function aliasesOf(aliases: unknown, full: (alias: unknown) => unknown): Attributes {
  return Array.isArray(aliases) && aliases.length > 0 ? { aliases: aliases.map(full) } : {};
}

/** JSON text with the attributes of each object sorted. @param omit attributes that are left out */
export function sortedText(value: unknown, omit: ReadonlySet<string>): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    const entries = Object.entries(inner).filter(([key]) => !omit.has(key));
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
