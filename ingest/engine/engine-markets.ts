import type { InstrumentTick } from "../../schemas/ticks.js";
import type { Micros } from "../../schemas/words.js";
import { Publisher } from "../publisher.js";
import { instrumentOfSymbol } from "../replay/symbols.js";
import type { SourceParts } from "../source.js";
import type { EngineOptions } from "./engine-source.js";

const showEvery: Micros = 3_600_000_000;

/** The instruments of an engine's markets, as they are configured: into the log before its ticks, and hourly. */
export class EngineMarkets {
  readonly #publisher: Publisher;
  #shownAt: Micros = Number.POSITIVE_INFINITY;

  constructor(
    private readonly options: EngineOptions,
    private readonly parts: SourceParts,
  ) {
    const { log, metrics, logger, session } = parts;
    const { config, schemaId, publisher } = options;
    this.#publisher = new Publisher({
      ...publisher,
      log,
      schemaId,
      session: `${session}-engine-${config.id}`,
      metrics,
      logger,
      repeatable: true,
    });
  }

  /** Resolves when the log has them. */
  async show(): Promise<void> {
    const now = this.parts.clock();
    this.#shownAt = now;
    for (const instrument of this.#instruments(now)) this.#publisher.publish(instrument);
    await this.#publisher.confirmed();
  }

  onTime(now: Micros): void {
    if (now - this.#shownAt >= showEvery) void this.show();
  }

  close(): Promise<void> {
    return this.#publisher.close();
  }

  #instruments(now: Micros): InstrumentTick[] {
    const { id, markets } = this.options.config;
    return markets.map(({ symbol, nativeId, tickSize, lotSize }) => ({
      ...instrumentOfSymbol(symbol),
      kind: "instrument",
      exchange: id,
      exchangeTime: now,
      receiveTime: now,
      nativeId,
      status: "trading",
      tickSize,
      lotSize,
      contractSize: "1",
    }));
  }
}
