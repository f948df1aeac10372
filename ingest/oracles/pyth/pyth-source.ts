import { setTimeout as delay } from "node:timers/promises";
import type { PythConfig } from "../../../infra/config/oracle-config.js";
import { Deadline } from "../../../infra/deadline.js";
import type { Logger } from "../../../infra/logging.js";
import type { FeedState } from "../../../schemas/ticks.js";
import type { Micros, SymbolName, VenueId } from "../../../schemas/words.js";
import { backoffMs } from "../../backoff.js";
import { leased, type MakeSource, type Source, type SourceParts } from "../../source.js";
import { OraclePrices } from "../oracle-prices.js";
import { HermesRefused, PythUnreadable } from "./errors.js";
import { type HermesRequest, latestUpdates, streamedUpdates } from "./hermes.js";
import { type PriceMessage, tickOfPrice } from "./price-message.js";
import { pricesOfUpdate } from "./prices-of-update.js";
import { ServedFeeds } from "./served-feeds.js";
import { requireSigners, type SignerSets, signerSetsOf } from "./signers.js";

export interface PythOptions extends PythConfig {
  readonly backoff?: { readonly baseMs: number; readonly capMs: number };
}

/** Pyth's prices by a Hermes server as a source of ticks. */
export const pythSource = (options: PythOptions): MakeSource =>
  leased(`oracle|${options.id}`, (parts) => new PythSource(options, parts));

/** Takes Hermes's updates, whose proofs and signatures are checked here: the server needs no trust beyond being there. */
class PythSource implements Source {
  readonly #parts: SourceParts;
  readonly #logger: Logger;
  readonly #prices: OraclePrices;
  readonly #symbols: ReadonlyMap<string, SymbolName[]>;
  readonly #feeds: ServedFeeds;
  readonly #signers: SignerSets;
  readonly #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #connected = false;
  #since: Micros;

  constructor(
    private readonly options: PythOptions,
    parts: SourceParts,
  ) {
    const { id, feeds, heartbeatSeconds, graceSeconds, signerSets } = options;
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
    this.#feeds = new ServedFeeds([...symbols.keys()]);
    this.#signers = signerSetsOf(signerSets);
  }

  async start(): Promise<void> {
    if (this.#signers.size === 0) {
      this.#logger.warn("Merkle proofs are checked, signatures are not: signerSets is empty");
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
        if (this.#isRetryDue) this.#feeds.forget();
        await (mode === "stream" ? this.#stream(up) : this.#poll(up));
        // asked for other feeds, at once
        continue;
      } catch (caught) {
        if (signal.aborted) return;
        const error = await this.#narrowed(caught);
        if (signal.aborted) return;
        if (error === undefined) continue;
        if (attempt === 0) {
          const { code } = error as { code?: string };
          const hint = isAboutKey(error) ? ": is `key` right?" : "";
          this.#logger.warn(
            { ...(code !== undefined && { code }), why: error.message },
            `no updates from Hermes; it is asked again${hint}`,
          );
        }
      }
      this.#setConnected(false);
      await delay(backoffMs(attempt++, backoff), undefined, { signal }).catch(() => {});
    }
  }

  /** Feeds that the server refused are left out and named. @returns the error when it is about something else */
  async #narrowed(error: unknown): Promise<Error | undefined> {
    if (!(error instanceof HermesRefused)) return error as Error;
    const { clock } = this.#parts;
    const ask = async (feedIds: readonly string[]) => {
      const silence = new Deadline(this.options.silenceMs, this.#abort.signal);
      try {
        await latestUpdates({ ...this.#request, feedIds }, silence.signal);
      } catch (other) {
        // it has served them
        if (!(other instanceof PythUnreadable)) throw other;
      } finally {
        silence.end();
      }
    };
    try {
      for (const { feedId, why } of await this.#feeds.narrow(error, ask, clock())) {
        this.#logger.error(
          { code: "TP_ORACLE_FEED_INVALID", feedId, symbols: this.#symbols.get(feedId), why },
          "the server does not serve this feed; the others go on without it: is its id right, and may the key read it?",
        );
      }
      return undefined;
    } catch (other) {
      return other as Error;
    }
  }

  get #isRetryDue(): boolean {
    return this.#feeds.isDue(this.#parts.clock() - this.options.retryRefusedSeconds * 1_000_000);
  }

  /** Until the server ends it or falls silent, or it is time to ask for refused feeds again. */
  async #stream(up: () => void): Promise<void> {
    const silence = new Deadline(this.options.silenceMs, this.#abort.signal);
    const alive = () => silence.extend();
    const unreadable = (text: string, error: PythUnreadable) => this.#refuse(text, error);
    try {
      for await (const updates of streamedUpdates(this.#request, silence.signal, alive, unreadable)) {
        up();
        for (const update of updates) await this.#take(update);
        if (this.#isRetryDue) return;
      }
      throw new Error("the server ended the stream");
    } finally {
      silence.end();
    }
  }

  /** Until a question fails, or it is time to ask for refused feeds again. */
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
      if (this.#isRetryDue) return;
    }
  }

  async #take(update: Uint8Array): Promise<void> {
    try {
      const proven = pricesOfUpdate(update, this.options.emitters);
      if (this.#signers.size > 0) await requireSigners(proven, this.#signers);
      const now = this.#parts.clock();
      for (const price of proven.prices) this.#takePrice(price, proven.slot, now, update);
    } catch (error) {
      if (!(error instanceof PythUnreadable)) throw error;
      this.#refuse(update, error);
    }
  }

  /** One feed without a price holds up no other. */
  #takePrice(price: PriceMessage, slot: bigint, now: Micros, update: Uint8Array): void {
    for (const symbol of this.#symbols.get(price.feedId) ?? []) {
      try {
        this.#prices.take(tickOfPrice(price, { exchange: this.options.id, symbol }, slot, now));
      } catch (error) {
        if (!(error instanceof PythUnreadable)) throw error;
        this.#refuse(update, error);
      }
    }
  }

  #refuse(original: string | Uint8Array, error: PythUnreadable): void {
    this.#prices.refuse(original, "unreadable_update", error.message, this.#parts.clock());
  }

  get #request(): HermesRequest {
    const { url, key } = this.options;
    const feedIds = this.#feeds.served;
    if (feedIds.length === 0) throw new Error("Hermes serves none of the feeds");
    return { url, key, feedIds };
  }

  #setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#since = this.#parts.clock();
  }
}

const isAboutKey = (error: Error): boolean => error instanceof HermesRefused && [401, 403].includes(error.status);
