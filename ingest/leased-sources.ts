import type { Logger } from "../infra/logging.js";
import type { MakeSource, Source, SourceParts } from "./source.js";

interface Place {
  readonly make: MakeSource;
  source: Source | undefined;
  /** Resolves when the one before has ended. */
  ended: Promise<void>;
}

/** The sources beside the venues: each runs while its lease is held, those without a lease always. */
export class LeasedSources {
  readonly #places: readonly Place[];
  #stopped = false;

  constructor(
    makes: readonly MakeSource[],
    private readonly parts: SourceParts,
    private readonly logger: Logger,
  ) {
    this.#places = makes.map((make) => ({ make, source: undefined, ended: Promise.resolve() }));
  }

  *all(): Iterable<Source> {
    for (const { source } of this.#places) if (source !== undefined) yield source;
  }

  /** @param held names of leases; undefined where one process is alone and has all */
  change(held: ReadonlySet<string> | undefined): void {
    if (this.#stopped) return;
    for (const place of this.#places) {
      const { lease } = place.make;
      if (lease === undefined || held === undefined || held.has(lease)) this.#start(place);
      else this.#end(place);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const place of this.#places) this.#end(place);
    await Promise.all(this.#places.map(({ ended }) => ended));
  }

  #start(place: Place): void {
    if (place.source !== undefined) return;
    const source = place.make(this.parts);
    place.source = source;
    place.ended
      .then(() => (place.source === source ? source.start() : undefined))
      .catch((error: unknown) => this.logger.error({ err: error }, "a source failed to start"));
  }

  #end(place: Place): void {
    const { source } = place;
    if (source === undefined) return;
    place.source = undefined;
    place.ended = place.ended
      .then(() => source.stop())
      .catch((error: unknown) => this.logger.error({ err: error }, "a source did not stop cleanly"));
  }
}

/** Names of the leases that the sources need. */
export const sourceLeases = (makes: readonly MakeSource[]): string[] => makes.flatMap(({ lease }) => lease ?? []);
