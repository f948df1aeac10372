import { setTimeout as delay } from "node:timers/promises";
import type { PythConfig } from "../../../infra/config/oracle-config.js";
import { Deadline } from "../../../infra/deadline.js";
import type { Logger } from "../../../infra/logging.js";
import type { FeedState } from "../../../schemas/ticks.js";
import type { Micros, SymbolName, VenueId } from "../../../schemas/words.js";
import { backoffMs } from "../../backoff.js";
import { leased, type MakeSource, type Source, type SourceParts } from "../../source.js";
import { OraclePrices } from "../oracle-prices.js";
import { PythUnreadable } from "./errors.js";
import { type GuardianSet, requireGuardians } from "./guardians.js";
import { latestUpdates, streamedUpdates } from "./hermes.js";
import { tickOfPrice } from "./price-message.js";
import { pricesOfUpdate } from "./prices-of-update.js";

export interface PythOptions extends PythConfig {
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
}

/** Pyth's prices by a Hermes server as a source of ticks. */
export const pythSource = (options: PythOptions): MakeSource =>
  leased(`oracle|${options.id}`, (parts) => new PythSource(options, parts));

/** Takes Hermes's updates, whose proofs are checked here: the server needs no trust beyond being there. */
class PythSource implements Source {
  readonly #parts: SourceParts;
  readonly #logger: Logger;
  readonly #prices: OraclePrices;
  readonly #symbols: ReadonlyMap<string, SymbolName[]>;
  readonly #guardians: ReadonlyMap<number, GuardianSet>;
  readonly #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #connected = false;
  #since: Micros;

  constructor(
    private readonly options: PythOptions,
    parts: SourceParts,
  ) {
    const { id, feeds, heartbeatSeconds, graceSeconds, guardianSets } = options;
    this.#logger = parts.logger.child({ exchange: id });
    this.#parts = { ...parts, logger: this.#logger };
    this.#since = parts.clock();
    const staleAfter = (heartbeatSeconds + graceSeconds) * 1_000_000;
    this.#prices = new OraclePrices(
      id,
      feeds.map(({ symbol }) => ({ symbol, staleAfter })),
      this.#parts,
    );
    const symbols = new Map<string, SymbolName[]>();
    for (const { feedId, symbol } of feeds) symbols.set(feedId, [...(symbols.get(feedId) ?? []), symbol]);
    this.#symbols = symbols;
    this.#guardians = new Map(guardianSets.map(({ index, addresses }) => [index, addresses]));
  }

  async start(): Promise<void> {
    if (this.#guardians.size === 0) {
      this.#logger.info("Merkle proofs are checked, guardians' signatures are not: guardianSets names none");
    }
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    this.#prices.close();
  }

  states(): FeedState[] {
    return [{ exchange: this.options.id, feed: "hermes", connected: this.#connected, since: this.#since }];
  }

  get isReady(): boolean {
    return this.#connected;
  }

  owns(exchange: VenueId): boolean {
    return exchange === this.options.id;
  }

  onTime(now: Micros): void {
    this.#prices.onTime(now);
  }

  async #run(): Promise<void> {
    const { mode, backoff = { baseMs: 500, capMs: 15_000 } } = this.options;
    const { signal } = this.#abort;
    let attempt = 0;
    const up = () => {
      attempt = 0;
      this.#setConnected(true);
    };
    while (!signal.aborted) {
      try {
        await (mode === "stream" ? this.#stream(up) : this.#poll(up));
      } catch (error) {
        if (signal.aborted) return;
        if (attempt === 0) {
          this.#logger.warn({ why: (error as Error).message }, "no updates from Hermes; it is asked again");
        }
      }
      this.#setConnected(false);
      await delay(backoffMs(attempt++, backoff), undefined, { signal }).catch(() => {});
    }
  }

  /** Until the server ends it or falls silent. */
  async #stream(up: () => void): Promise<void> {
    const silence = new Deadline(this.options.silenceMs, this.#abort.signal);
    const alive = () => silence.extend();
    const unreadable = (text: string, error: PythUnreadable) => this.#refuse(text, error);
    try {
      for await (const updates of streamedUpdates(this.#request, silence.signal, alive, unreadable)) {
        up();
        for (const update of updates) await this.#take(update);
      }
      throw new Error("the server ended the stream");
    } finally {
      silence.end();
    }
  }

  /** Until a question fails. */
  async #poll(up: () => void): Promise<void> {
    const { pollMs, silenceMs } = this.options;
    for (;;) {
      const silence = new Deadline(silenceMs, this.#abort.signal);
      try {
        const updates = await latestUpdates(this.#request, silence.signal);
        up();
        for (const update of updates) await this.#take(update);
      } catch (error) {
        if (!(error instanceof PythUnreadable)) throw error;
        this.#refuse("", error);
      } finally {
        silence.end();
      }
      await delay(pollMs, undefined, { signal: this.#abort.signal });
    }
  }

  async #take(update: Uint8Array): Promise<void> {
    const { clock } = this.#parts;
    try {
      const { vaa, slot, prices } = pricesOfUpdate(update);
      if (this.#guardians.size > 0) await requireGuardians(vaa, this.#guardians);
      const now = clock();
      const ticks = prices.flatMap((price) =>
        (this.#symbols.get(price.feedId) ?? []).map((symbol) =>
          tickOfPrice(price, { exchange: this.options.id, symbol }, slot, now),
        ),
      );
      for (const tick of ticks) this.#prices.take(tick);
    } catch (error) {
      if (!(error instanceof PythUnreadable)) throw error;
      this.#refuse(update, error);
    }
  }

  #refuse(original: string | Uint8Array, error: PythUnreadable): void {
    this.#prices.refuse(original, "unreadable_update", error.message, this.#parts.clock());
  }

  get #request() {
    return { url: this.options.url, feedIds: [...this.#symbols.keys()] };
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#since = this.#parts.clock();
  }
}
