import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Frame, InstrumentLookup } from "../../ingest/venue.js";
import type { InstrumentTick } from "../../schemas/ticks.js";
import { recording } from "../recordings.js";

export function lines(name: string): string[] {
  return gunzipSync(readFileSync(recording(name)))
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
}

/** Frames of hftbacktest's text: `<receive time, ns> <json>`; a REST snapshot gets the URL it was asked with. */
export function hftbacktestFrames(name: string, nativeId: string): Frame[] {
  return lines(name).map((line) => {
    const space = line.indexOf(" ");
    const text = line.slice(space + 1);
    const receiveTime = Math.floor(Number(line.slice(0, space)) / 1000);
    const origin = text.startsWith('{"lastUpdateId"')
      ? { url: `https://rest/depth?symbol=${nativeId}&limit=1000` }
      : { socket: "market-1" };
    return { text, receiveTime, origin };
  });
}

/** Frames of cryptofeed's JSON lines: what was received, and REST answers. */
export function cryptofeedFrames(name: string): Frame[] {
  const frames: Frame[] = [];
  for (const line of lines(name)) {
    const entry = JSON.parse(line) as { t: string; ts: number; url?: string; conn: string; data?: string };
    const receiveTime = Math.round(entry.ts * 1e6);
    if (entry.t === "http") frames.push({ text: entry.data ?? "", receiveTime, origin: { url: entry.url ?? "" } });
    else if (entry.t === "recv") frames.push({ text: entry.data ?? "", receiveTime, origin: { socket: entry.conn } });
  }
  return frames.sort((a, b) => a.receiveTime - b.receiveTime);
}

/** Every native id is an instrument whose symbol is that id, unless given. */
export function lookupOf(exchange: string, known: readonly InstrumentTick[] = []): InstrumentLookup {
  const byId = new Map(known.map((instrument) => [instrument.nativeId, instrument]));
  return {
    byNativeId(nativeId) {
      let found = byId.get(nativeId);
      if (found === undefined) {
        found = instrument(exchange, nativeId, nativeId);
        byId.set(nativeId, found);
      }
      return found;
    },
  };
}

export function instrument(exchange: string, symbol: string, nativeId: string): InstrumentTick {
  return {
    kind: "instrument",
    exchange,
    symbol,
    exchangeTime: 0,
    receiveTime: 0,
    nativeId,
    status: "trading",
    contractType: "spot",
    base: symbol.split("/")[0] ?? symbol,
    quote: symbol.split("/")[1] ?? "",
    tickSize: "0.01",
    lotSize: "0.00001",
    contractSize: "1",
  };
}
