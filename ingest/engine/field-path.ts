/** What a path is looked up in: the event, the record that it stands in, and the record's place in the log. */
export interface Scope {
  readonly item: unknown;
  readonly root: unknown;
  readonly key: string | null;
  /** ms since the epoch. */
  readonly timestamp: number;
  readonly offset: number;
}

/** Finds a value; undefined where there is none. */
export type FieldPath = (scope: Scope) => unknown;

/** `a.b.0` from the event, `$.a` from the record's top, `@key`, `@timestamp`, `@offset`. */
export function fieldPath(path: string): FieldPath {
  switch (path) {
    case "@key":
      return ({ key }) => key;
    case "@timestamp":
      return ({ timestamp }) => timestamp;
    case "@offset":
      return ({ offset }) => offset;
  }
  const fromTop = path.startsWith("$.");
  const steps = (fromTop ? path.slice(2) : path).split(".");
  return ({ item, root }) => valueAt(fromTop ? root : item, steps);
}

/** Own properties alone, so that no record can name what every object has. */
export function valueAt(from: unknown, steps: readonly string[]): unknown {
  let value = from;
  for (const step of steps) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** Whether every path has one of its words; of no paths, yes. */
export function condition(wanted: Readonly<Record<string, readonly string[]>>): (scope: Scope) => boolean {
  const parts = Object.entries(wanted).map(([path, words]) => ({ at: fieldPath(path), words: new Set(words) }));
  return (scope) => parts.every(({ at, words }) => words.has(String(at(scope))));
}
