import { PlantError } from "../../infra/errors.js";
import { faultNames, garbageForms, type StreamKind } from "./faults.js";
import type { RestAnswer } from "./rest.js";
import type { Simulator } from "./server.js";

/** Bounds of what one may ask for: an hour, so many requests, and so many faults that have not happened yet. */
const mostMs = 3_600_000;
const mostRequests = 1_000_000;
const mostPending = 1_000;

const kinds: readonly StreamKind[] = ["trade", "aggTrade", "bookTicker", "depth", "ticker", "kline"];

/**
 * The simulator's own HTTP side, for one that runs in another process:
 * `POST /simulator/faults/{name}?symbol=…&kind=…&form=…&ms=…&afterwards=…&status=…&count=…`, `GET /simulator/faults`,
 * `POST /simulator/pause`, `POST /simulator/resume`, and
 * `GET /simulator/{status,book,trades,klines}?symbol=…&interval=…&until=…`.
 */
export function control(simulator: Simulator, method: string, url: URL): RestAnswer {
  const [, , what = "", name = ""] = url.pathname.split("/");
  try {
    const result =
      method === "POST" ? act(simulator, what, name, url.searchParams) : show(simulator, what, url.searchParams);
    if (result === undefined)
      return json(404, { msg: `no ${method} ${url.pathname}: see ingest/simulator/control.ts` });
    return json(200, result);
  } catch (error) {
    if (!(error instanceof PlantError)) throw error;
    return json(400, { code: error.code, msg: error.message });
  }
}

function show(simulator: Simulator, what: string, query: URLSearchParams): unknown {
  const symbol = query.get("symbol") ?? "";
  const until = query.get("until");
  switch (what) {
    case "status":
      return status(simulator);
    case "faults":
      return simulator.faults();
    case "book":
      return simulator.book(symbol);
    case "trades":
      return simulator.trades(symbol);
    case "klines":
      return simulator.klines(
        symbol,
        query.get("interval") ?? "1m",
        until === null ? undefined : count(query, "until", 0),
      );
    default:
      return undefined;
  }
}

function status(simulator: Simulator) {
  const { symbols, connections, closed, skippedMs, withheld } = simulator;
  return { symbols, connections, closed, skippedMs, withheld, events: simulator.events(), faults: simulator.faults() };
}

function act(simulator: Simulator, what: string, name: string, query: URLSearchParams): unknown {
  if (what === "pause") simulator.pause();
  else if (what === "resume") simulator.resume();
  else if (what !== "faults" || !inject(simulator, name, query)) return undefined;
  return simulator.faults();
}

function inject(simulator: Simulator, name: string, query: URLSearchParams): boolean {
  const symbol = query.get("symbol");
  const kind = oneOf(query, "kind", kinds);
  const form = oneOf(query, "form", garbageForms);
  if (symbol !== null) simulator.market(symbol);
  if (simulator.pendingFaults >= mostPending)
    throw new BadControl("faults", name, `${mostPending} that wait at a time`);
  const target = { ...(symbol === null ? {} : { symbol }), ...(kind === undefined ? {} : { kind }) };
  switch (oneOf(new URLSearchParams({ name }), "name", faultNames)) {
    case "sequenceGap":
      void simulator.sequenceGap(target);
      break;
    case "checksum":
      void simulator.wrongChecksum(target);
      break;
    case "duplicate":
      void simulator.duplicate(target);
      break;
    case "outOfOrder":
      void simulator.outOfOrder(target);
      break;
    case "garbage":
      void simulator.garbage(form === undefined ? target : { ...target, form });
      break;
    case "stall":
      void simulator.stall({
        ...target,
        ms: count(query, "ms", 1000, mostMs),
        afterwards: oneOf(query, "afterwards", ["all", "none"]) ?? "all",
      });
      break;
    case "disconnect":
      simulator.disconnect(target);
      break;
    case "serverShutdown":
      simulator.serverShutdown({ ...target, closeAfterMs: count(query, "ms", 500, mostMs) });
      break;
    case "restError":
      simulator.restError({ status: statusOf(query), count: count(query, "count", 1, mostRequests) });
      break;
    case undefined:
      return false;
  }
  return true;
}

/** @throws BadControl for what is no failure */
function statusOf(query: URLSearchParams): number {
  const status = count(query, "status", 500, 599);
  if (status < 400) throw new BadControl("status", String(status), "400 to 599");
  return status;
}

function oneOf<Word extends string>(query: URLSearchParams, name: string, words: readonly Word[]): Word | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const word = words.find((candidate) => candidate === text);
  if (word === undefined) throw new BadControl(name, text, words.join(", "));
  return word;
}

function count(query: URLSearchParams, name: string, otherwise: number, most = Number.MAX_SAFE_INTEGER): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  const number = /^\d{1,15}$/.test(text) ? Number.parseInt(text, 10) : Number.NaN;
  if (!(number <= most)) throw new BadControl(name, text, `a whole number up to ${most}`);
  return number;
}

const json = (status: number, value: unknown): RestAnswer => ({ status, body: JSON.stringify(value), headers: {} });

/** A request to the simulator's control interface has a value that it can not use. */
export class BadControl extends PlantError {
  constructor(name: string, value: string, allowed: string) {
    super("TP_SIMULATOR_CONTROL", `the simulator can not use ${name}=${value}: it takes ${allowed}`);
  }
}
