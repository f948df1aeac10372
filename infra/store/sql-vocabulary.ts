/** The words of one engine that may stand before `(` in a reader's statement. In lower case. */
export interface SqlVocabulary {
  readonly functions: ReadonlySet<string>;
  readonly aggregates: ReadonlySet<string>;
  /** Suffixes of aggregate functions: `if`, `state`. */
  readonly combinators: readonly string[];
  /** Names of all the engine's settings, as they are written. */
  readonly settings: ReadonlySet<string>;
}

export interface EngineFunction {
  readonly name: string;
  readonly is_aggregate: number;
  readonly alias_to: string;
  readonly categories: string;
}

/** What an engine's vocabulary is made from: rows of its own system tables. */
export interface EngineWords {
  readonly functions: readonly EngineFunction[];
  readonly types: readonly string[];
  readonly combinators: readonly string[];
  readonly settings: readonly string[];
}

export const vocabularyQueries = {
  functions: "SELECT name, is_aggregate, alias_to, categories FROM system.functions WHERE origin = 'System'",
  types: "SELECT name FROM system.data_type_families",
  combinators: "SELECT name FROM system.aggregate_function_combinators",
  settings: "SELECT name FROM system.settings",
} as const;

/** Whole categories that readers do without: they reach models, files, the network, or the server's inside. */
const refusedCategories = new Set([
  "AI",
  "Dictionary",
  "Embedded Dictionary",
  "Internal",
  "Introspection",
  "Machine Learning",
]);

/** Of the other categories: what reads files, holds a thread, writes somewhere, or tells of the machine. */
const refusedFunctions = new Set(
  (
    "file sleep sleepEachRow catboostEvaluate fuzzQuery fuzzBits getServerPort tcpPort getMacro " +
    "getServerSetting showCertificate getClientHTTPHeader globalVariable getOSKernelVersion buildId FQDN " +
    "filesystemAvailable filesystemCapacity filesystemUnreserved joinGet joinGetOrNull zookeeperSessionUptime " +
    "transactionID transactionLatestSnapshot transactionOldestSnapshot generateSerialID generateRandomStructure " +
    "hasThreadFuzzer structureToCapnProtoSchema structureToProtobufSchema serverUUID aggThrow flameGraph " +
    "timeSeriesStoreTags"
  )
    .toLowerCase()
    .split(" "),
);

/** Table functions that make rows out of nothing but their arguments. */
const tableFunctions = "numbers numbers_mt zeros zeros_mt generate_series generateSeries values view null".split(" ");

const keywords =
  "all and any anti array as asc asof between by case columns cross cube desc distinct else end except exists filter " +
  "final from full global grouping group having if ilike in inner intersect interpolate interval into is join left " +
  "like limit materialized not offset on or order outer over partition prewhere qualify recursive replace right " +
  "rollup rows range sample select semi sets then ties to totals union using when where window with apply cast " +
  "extract substring position trim date timestamp exclude describe desc explain";

/** A reader's words, out of what the engine says of itself: what a later engine adds to a refused category stays out. */
export function vocabularyOf(words: EngineWords): SqlVocabulary {
  const refused = new Set(refusedFunctions);
  for (const { name, categories } of words.functions) {
    if (refusedCategories.has(categories)) refused.add(name.toLowerCase());
  }
  const functions = new Set(keywords.split(" "));
  const aggregates = new Set<string>();
  for (const { name, is_aggregate, alias_to } of words.functions) {
    if (refused.has(name.toLowerCase()) || refused.has(alias_to.toLowerCase()) || name.startsWith("__")) continue;
    functions.add(name.toLowerCase());
    if (Number(is_aggregate) === 1) aggregates.add(name.toLowerCase());
  }
  for (const name of [...words.types, ...tableFunctions]) functions.add(name.toLowerCase());
  for (const name of refused) functions.delete(name);
  const combinators = words.combinators.map((name) => name.toLowerCase());
  return { functions, aggregates, combinators, settings: new Set(words.settings) };
}

/** Whether a reader may call this: a function, a type, a named table function, or an aggregate with combinators. */
export function mayCall({ functions, aggregates, combinators }: SqlVocabulary, name: string): boolean {
  let rest = name.toLowerCase();
  if (functions.has(rest)) return true;
  for (;;) {
    const suffix = combinators.find((one) => rest.length > one.length && rest.endsWith(one));
    if (suffix === undefined) return false;
    rest = rest.slice(0, -suffix.length);
    if (aggregates.has(rest)) return true;
  }
}
