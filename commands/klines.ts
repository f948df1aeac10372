import { once } from "node:events";
import { type Command, InvalidArgumentError } from "commander";
import { venueSettings } from "../infra/config/ingest-config.js";
import { exactExchange } from "../ingest/ccxt/exact-exchange.js";
import { exchangeKlines } from "../ingest/ccxt/klines.js";
import { ExchangeUnavailable, isCcxtError } from "../ingest/ccxt/library.js";
import { ccxtSettings } from "../ingest/ccxt/settings.js";
import { wallClock } from "../ingest/clock.js";
import { storeKlines } from "../plant/history-klines.js";
import { type ConfigOptions, configOf, configOptions, defaultConfigFile } from "./options.js";
import { withStore } from "./with-store.js";

interface KlinesOptions extends ConfigOptions {
  readonly exchange: string;
  readonly symbol: string;
  readonly interval: string;
  readonly from: number;
  readonly to?: number;
  readonly store?: boolean;
}

/** `tickplant klines`: an exchange's own K-lines through ccxt, a line of JSON each or into history. */
export function klinesCommand(program: Command): void {
  configOptions(program.command("klines"))
    .description("fetch an exchange's own K-lines through ccxt and print them, a line of JSON each, or store them")
    .requiredOption("--exchange <id>", "the exchange as ccxt spells it; its settings come from the configuration")
    .requiredOption("--symbol <symbol>", "unified symbol")
    .requiredOption("--interval <interval>", "e.g. 1m, 1h, 1d")
    .requiredOption("--from <time>", "opening time of the first, ISO 8601", timeOf)
    .option("--to <time>", "until before this opening time; by default now", timeOf)
    .option("--store", "write those that have closed into history; those that the plant made itself stand above them")
    .action(async (options: KlinesOptions) => {
      const { exchange: id, symbol, interval } = options;
      const config = configOf(options, options.store ? defaultConfigFile : undefined);
      const venue = config.ingest.venues.find((one) => one.id === id && one.connector === "ccxt");
      const settings = ccxtSettings(id, venue === undefined ? {} : venueSettings(venue));
      const { ccxt } = await exactExchange(id, settings, wallClock());
      try {
        await ccxt.loadMarkets();
        const range = { from: options.from, to: options.to ?? Date.now() };
        const klines = exchangeKlines(ccxt, symbol, interval, range);
        if (options.store) {
          const found = await withStore(config, (store) => storeKlines(store, klines, wallClock()()));
          process.stdout.write(`${found.stored} K-lines stored, ${found.leftOut} left out\n`);
        } else {
          for await (const kline of klines) {
            if (!process.stdout.write(`${JSON.stringify(kline)}\n`)) await once(process.stdout, "drain");
          }
        }
      } catch (error) {
        if (!isCcxtError(error)) throw error;
        throw new ExchangeUnavailable(id, error as Error);
      } finally {
        await ccxt.close();
      }
    });
}

function timeOf(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError("expected ISO 8601, e.g. 2026-01-01T00:00:00Z");
  return time;
}
