import type { FastifyInstance, FastifyReply } from "fastify";
import type { Depth } from "../../schemas/messages.js";
import { AGGREGATE } from "../../schemas/words.js";
import { channelName } from "../channels.js";
import { RestError, unknownSymbol } from "./errors.js";
import { fullBook } from "./full-book.js";
import type { LastValues } from "./last-values.js";
import { exchangeParameter, limitParameter, ref, refs, route, symbolParameter, symbolsParameter } from "./schemas.js";

interface Place {
  readonly symbol: string;
  readonly exchange: string;
}
interface Places {
  readonly symbols?: string;
  readonly exchange?: string;
}

const exchangeOrAggregate = { ...exchangeParameter, default: AGGREGATE };
const sendJson = (reply: FastifyReply, text: string): FastifyReply =>
  reply.type("application/json; charset=utf-8").send(text);

/** What the market looks like now: every answer comes from the bus's last values. */
export function marketRoutes(app: FastifyInstance, values: LastValues): void {
  instruments(app, values);
  tickers(app, values);
  depth(app, values);
  indices(app, values);
  app.get(
    "/v1/feeds",
    { schema: route("The state of every venue's connections", { properties: {} }, refs("Feed"), [429]) },
    async (_request, reply) => sendJson(reply, await values.array(await values.channels("feed"))),
  );
}

function instruments(app: FastifyInstance, values: LastValues): void {
  const query = { properties: { symbols: symbolsParameter, exchange: exchangeParameter } };
  app.get<{ Querystring: Places }>(
    "/v1/instruments",
    { schema: route("Instruments of all venues", query, refs("Instrument"), [400, 404, 429]) },
    async (request, reply) => sendJson(reply, await listed(values, "instrument", request.query)),
  );
}

function tickers(app: FastifyInstance, values: LastValues): void {
  const many = { properties: { symbols: symbolsParameter, exchange: exchangeParameter } };
  app.get<{ Querystring: Places }>(
    "/v1/tickers",
    { schema: route("Tickers: of all venues and the aggregate, or of some", many, refs("Ticker"), [400, 404, 429]) },
    async (request, reply) => sendJson(reply, await listed(values, "ticker", request.query)),
  );
  const one = { properties: { symbol: symbolParameter, exchange: exchangeOrAggregate }, required: ["symbol"] };
  app.get<{ Querystring: Place }>(
    "/v1/ticker",
    { schema: route("One ticker", one, ref("Ticker"), [400, 404, 429]) },
    async (request, reply) => {
      const { symbol, exchange } = request.query;
      const text = await values.data(channelName("ticker", symbol, exchange));
      if (text === undefined) throw unknownSymbol(symbol, exchange);
      return sendJson(reply, text);
    },
  );
}

/** Newest values of a kind; a symbol that was asked for and is not there is an error, not a silent gap. */
async function listed(values: LastValues, kind: "ticker" | "instrument", query: Places): Promise<string> {
  const wanted = query.symbols === undefined ? undefined : new Set(query.symbols.split(","));
  const channels = (await values.channels(kind)).filter(
    ({ subject, venue }) =>
      (wanted?.has(subject) ?? true) && (query.exchange === undefined || venue === query.exchange),
  );
  const found = new Set(channels.map((channel) => channel.subject));
  for (const symbol of wanted ?? []) {
    if (!found.has(symbol)) throw unknownSymbol(symbol, query.exchange ?? "any venue");
  }
  return values.array(channels);
}

function depth(app: FastifyInstance, values: LastValues): void {
  const limit = { ...limitParameter(100, 5_000), description: "Levels a side" };
  const query = {
    properties: { symbol: symbolParameter, symbols: symbolsParameter, exchange: exchangeOrAggregate, limit },
  };
  const answer = { oneOf: [ref("Depth"), refs("Depth")], description: "An array when symbols was given" };
  app.get<{ Querystring: Places & { symbol?: string; exchange: string; limit: number } }>(
    "/v1/depth",
    { schema: route("The book as it stands", query, answer, [400, 404, 429]) },
    async (request) => {
      const { symbol, symbols, exchange } = request.query;
      if ((symbol === undefined) === (symbols === undefined)) {
        throw new RestError(400, "TP_PARAMETER_INVALID", "give either symbol or symbols", "symbol");
      }
      if (symbol !== undefined) return book(values, symbol, exchange, request.query.limit);
      const wanted = [...new Set((symbols as string).split(","))];
      return Promise.all(wanted.map((name) => book(values, name, exchange, request.query.limit)));
    },
  );
}

async function book(values: LastValues, symbol: string, exchange: string, limit: number): Promise<Depth> {
  const last = await values.last(channelName("depth", symbol, exchange));
  const full = last === undefined ? undefined : fullBook(last, limit);
  if (full === undefined) throw unknownSymbol(symbol, exchange);
  return full;
}

function indices(app: FastifyInstance, values: LastValues): void {
  const query = { properties: { name: { ...symbolParameter, description: "Only this index" } } };
  app.get<{ Querystring: { name?: string } }>(
    "/v1/indices",
    { schema: route("Index values with their constituents", query, refs("Index"), [400, 404, 429]) },
    async (request, reply) => {
      const { name } = request.query;
      const channels = (await values.channels("index")).filter(({ subject }) => name === undefined || subject === name);
      if (name !== undefined && channels.length === 0) {
        throw new RestError(404, "TP_INDEX_UNKNOWN", `no index is called ${name}: /v1/indices lists them`, "name");
      }
      return sendJson(reply, await values.array(channels));
    },
  );
}
