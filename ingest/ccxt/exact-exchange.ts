import { gunzipSync, inflateRawSync } from "node:zlib";
import type { Micros, VenueId } from "../../schemas/words.js";
import type { Clock } from "../clock.js";
import { keepBestApart } from "./best-apart.js";
import { recordedBook } from "./book-record.js";
import { type CcxtClient, type CcxtExchange, type CcxtTicker, isCcxtError, newCcxtExchange } from "./library.js";
import { quoteNumbers } from "./number-texts.js";
import { quirksOf } from "./quirks.js";
import type { CcxtSettings } from "./settings.js";

/** An exchange of ccxt that keeps the exchange's own text. */
export interface ExactExchange {
  readonly ccxt: CcxtExchange;
  /** When the frame at hand arrived. */
  readonly receiveTime: Micros;
}

export interface ExchangeHooks {
  /** A connection went up or down. */
  readonly connection?: (client: CcxtClient, connected: boolean) => void;
  /** A frame that is no JSON, or that ccxt's handler failed at. */
  readonly unreadable?: (text: string, error: unknown) => void;
}

/**
 * Makes an exchange of ccxt exact and bounded:
 * - amounts are texts: `number: String`, and `safeFloat` gives the text too;
 * - JSON numbers whose text a double would not give back reach ccxt as strings, of frames and of REST alike;
 * - 24 h statistics that ccxt would compute from others are left out: only the exchange's own stand;
 * - books are listened to (book-record.ts).
 *
 * @throws UnknownCcxtExchange
 */
export async function exactExchange(
  id: VenueId,
  settings: CcxtSettings,
  clock: Clock,
  hooks: ExchangeHooks = {},
): Promise<ExactExchange> {
  const ccxt = await newCcxtExchange(id, {
    number: String,
    newUpdates: true,
    enableRateLimit: true,
    ...(settings.timeoutMs !== undefined && { timeout: settings.timeoutMs }),
  });
  merge(ccxt.options, quirksOf(id).options ?? {});
  merge(ccxt.options, { tradesLimit: settings.tradesLimit, ...settings.options });
  // markets are all that is needed
  ccxt.has.fetchCurrencies = false;
  ccxt.urls.api = moved(ccxt.urls.api, settings);
  // for addresses without TLS; it is Node's own agent
  await ccxt.loadHttpProxyAgent();
  keepTexts(ccxt);
  const state = { ccxt, receiveTime: clock() };
  listenToClients(
    ccxt,
    () => {
      state.receiveTime = clock();
    },
    hooks,
  );
  const { bookLevels, bestTopic } = quirksOf(id);
  listenToBooks(ccxt, bookLevels && (settings.snapshotLevels ?? bookLevels));
  if (bestTopic !== undefined) keepBestApart(ccxt, bestTopic);
  listenToConnections(ccxt, hooks);
  return state;
}

function keepTexts(ccxt: CcxtExchange): void {
  const { parseJson, safeTicker } = ccxt;
  // its handlers of books use these, and do nothing with the result but store it
  ccxt.safeFloat = (from, key, otherwise) => ccxt.safeString(from, key) ?? otherwise;
  ccxt.safeFloat2 = (from, key, other, otherwise) => ccxt.safeString2(from, key, other) ?? otherwise;
  ccxt.parseJson = (text) => parseJson.call(ccxt, typeof text === "string" ? quoteNumbers(text) : text);
  ccxt.safeTicker = (ticker, market) => {
    const given = { ...ticker };
    return { ...safeTicker.call(ccxt, ticker, market), ...ownStatistics(given) };
  };
}

/** Those statistics that the exchange gave itself; ccxt computes others, some from rounded percentages. */
function ownStatistics(given: Record<string, unknown>): Partial<CcxtTicker> {
  const { open, high, low, baseVolume, quoteVolume } = given;
  return { open, high, low, baseVolume, quoteVolume, last: given.last ?? given.close };
}

function listenToClients(ccxt: CcxtExchange, onFrame: () => void, { unreadable }: ExchangeHooks): void {
  const { client: clientOf } = ccxt;
  const known = new WeakSet<CcxtClient>();
  ccxt.client = (url) => {
    const client = clientOf.call(ccxt, url);
    if (known.has(client)) return client;
    known.add(client);
    const { onMessage, send } = client;
    // ccxt leaves what it sends after a pause to itself: a socket that has closed meanwhile must not end the process
    client.send = async (message) => {
      try {
        return await send.call(client, message);
      } catch (error) {
        client.onError(error);
        return undefined;
      }
    };
    client.onMessage = (event) => {
      onFrame();
      const text = unpacked(client, event.data);
      // ccxt gives up a connection that brings what can not be unpacked
      if (text === undefined) onMessage.call(client, event);
      else take(client, text, unreadable);
    };
    return client;
  };
}

/**
 * A frame to ccxt's own handler of messages, as ccxt's client does it, but for the texts of numbers and for garbage: broken JSON goes
 * no further, and text that makes the handler fail breaks no stream.
 */
function take(client: CcxtClient, text: string, unreadable: ExchangeHooks["unreadable"]): void {
  const isJson = text.startsWith("{") || text.startsWith("[");
  let message: unknown = text;
  try {
    if (isJson) message = JSON.parse(quoteNumbers(text));
  } catch (error) {
    unreadable?.(text, error);
    return;
  }
  try {
    client.onMessageCallback(client, message);
  } catch (error) {
    // the exchange's own refusals come this way too: they are for those who wait
    if (!isCcxtError(error)) unreadable?.(text, error);
    if (isJson) client.reject(error);
  }
}

/** The text of a frame; undefined where it is none. */
function unpacked(client: CcxtClient, data: unknown): string | undefined {
  try {
    return textOf(client, data);
  } catch {
    return undefined;
  }
}

function textOf(client: CcxtClient, data: unknown): string | undefined {
  if (typeof data === "string") return data;
  if (!(data instanceof Uint8Array)) return undefined;
  if (client.gunzip) return gunzipSync(data).toString();
  if (client.inflate) return inflateRawSync(data).toString();
  return client.decompressBinary ? Buffer.from(data).toString() : undefined;
}

/** @param levels a side that the exchange sends, where ccxt would take it for fewer */
function listenToBooks(ccxt: CcxtExchange, levels: number | undefined): void {
  const { orderBook, countedOrderBook } = ccxt;
  ccxt.orderBook = (snapshot, depth) => recordedBook((rest) => orderBook.call(ccxt, rest, levels ?? depth), snapshot);
  ccxt.countedOrderBook = (snapshot, depth) =>
    recordedBook((rest) => countedOrderBook.call(ccxt, rest, depth), snapshot);
}

function listenToConnections(ccxt: CcxtExchange, { connection }: ExchangeHooks): void {
  const { onConnected, onError, onClose } = ccxt;
  ccxt.onConnected = (client) => {
    onConnected.call(ccxt, client);
    connection?.(client, true);
  };
  ccxt.onError = (client, error) => {
    onError.call(ccxt, client, error);
    connection?.(client, false);
  };
  ccxt.onClose = (client, error) => {
    onClose.call(ccxt, client, error);
    connection?.(client, false);
  };
}

/** Deep, so that `fetchMarkets: { types: [spot] }` leaves ccxt's other options of the same name. */
function merge(into: Record<string, unknown>, from: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(from)) {
    const before = into[key];
    if (isPlain(before) && isPlain(value)) {
      const merged = { ...before };
      merge(merged, value);
      into[key] = merged;
    } else into[key] = value;
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** ccxt's addresses with another base, where one is set; a path of the base stands for the same path there. */
function moved(urls: unknown, { restUrl, wsUrl }: Pick<CcxtSettings, "restUrl" | "wsUrl">): unknown {
  if (typeof urls === "string") {
    const base = urls.startsWith("ws") ? wsUrl : restUrl;
    if (base === undefined) return urls;
    const { origin, pathname } = new URL(base);
    const prefix = pathname.replace(/\/+$/, "");
    const path = urls.replace(/^\w+:\/\/[^/]+/, "");
    return `${origin}${prefix}${prefix !== "" && path.startsWith(prefix) ? path.slice(prefix.length) : path}`;
  }
  if (!isPlain(urls)) return urls;
  return Object.fromEntries(Object.entries(urls).map(([key, value]) => [key, moved(value, { restUrl, wsUrl })]));
}
