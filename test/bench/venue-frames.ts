import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { BookSequence, Frame, Venue } from "../../ingest/venue.js";
import { venueOf } from "../../ingest/venues/index.js";
import type { DepthTick, InstrumentTick, RawTick } from "../../schemas/ticks.js";
import { recording } from "../recordings.js";
import { type Figure, measure } from "./figure.js";
import { instrumentOf } from "./instruments.js";

/** Frames to ticks of OKX, Kraken and Bitstamp beside JSON.parse of the same frames, and with their books' rules. */
export async function venueFrames(): Promise<Figure[]> {
  const okx = received("OKX.shared-symbols");
  const kraken = received("KRAKEN.shared-symbols");
  const bitstamp = received("BITSTAMP");
  const booksOfOkx = okx.filter(({ text }) => text.includes('"channel":"books"') && text.includes('"action"'));
  const booksOfKraken = kraken.filter(({ text }) => text.startsWith("[") && text.includes('"book-1000"'));
  return [
    await reading(
      "okx",
      "tickers",
      okx.filter(({ text }) => text.includes('"vol24h"')),
      200,
    ),
    await reading(
      "okx",
      "trades",
      okx.filter(({ text }) => text.includes('"tradeId"')),
      200,
    ),
    await reading("okx", "books", booksOfOkx, 10),
    await reading("kraken", "book, v1", booksOfKraken, 2),
    await reading("kraken", "book, v2", asV2(booksOfKraken), 2),
    await reading("bitstamp", "live_trades", streamed(bitstamp, "live_trades"), 2_000),
    await reading("bitstamp", "diff_order_book", streamed(bitstamp, "diff_order_book"), 50),
    await checked("okx", "books", booksOfOkx, 10),
    await checked("kraken", "book, v1", booksOfKraken, 2),
  ];
}

/** What was received on the sockets of one of cryptofeed's recordings. */
function received(name: string): Frame[] {
  const path = recording(`cryptofeed/v3/${name}.jsonl.gz`);
  return gunzipSync(readFileSync(path))
    .toString("utf8")
    .split("\n")
    .filter((line) => line.startsWith('{"t":"recv"'))
    .map((line) => JSON.parse(line) as { data: string; ts: number; conn: string })
    .map(({ data, ts, conn }) => ({ text: data, receiveTime: Math.round(ts * 1e6), origin: { socket: conn } }));
}

/** Bitstamp's frames of one kind of stream, its answers aside. */
function streamed(frames: readonly Frame[], channel: string): Frame[] {
  return frames.filter(({ text }) => text.includes(`"channel":"${channel}_`) && !text.includes('"bts:'));
}

type V1Part = Record<string, string | [string, string, string][]>;

/** The levels of recorded v1 messages as v2 writes them. */
function asV2(frames: readonly Frame[]): Frame[] {
  return frames.map((frame) => {
    const message = JSON.parse(frame.text) as unknown[];
    const parts = message.slice(1, -2) as V1Part[];
    const levels = (...keys: string[]) =>
      parts
        .flatMap((part) => keys.flatMap((key) => (part[key] ?? []) as [string, string, string][]))
        .map(([price, qty]) => `{"price":${price},"qty":${qty}}`)
        .join(",");
    const type = parts.some((part) => part.as !== undefined) ? "snapshot" : "update";
    const text = `{"channel":"book","type":"${type}","data":[{"symbol":"${String(message.at(-1))}","bids":[${levels("b", "bs")}],"asks":[${levels("a", "as")}],"checksum":${parts.find(({ c }) => c !== undefined)?.c ?? 0},"timestamp":"2021-04-17T16:49:05.951123Z"}]}`;
    return { ...frame, text };
  });
}

function lookupOf(exchange: string) {
  const known = new Map<string, InstrumentTick>();
  return {
    byNativeId(nativeId: string): InstrumentTick {
      let found = known.get(nativeId);
      if (found === undefined) {
        found = { ...instrumentOf(exchange, nativeId.replace("-", "/")), nativeId };
        known.set(nativeId, found);
      }
      return found;
    },
  };
}

async function reading(id: string, what: string, frames: readonly Frame[], rounds: number): Promise<Figure> {
  const venue = venueOf(id, id === "okx" ? { tradeChannel: "trades" } : {});
  const lookup = lookupOf(id);
  let ticks = 0;
  let last: unknown;
  const out = (tick: RawTick) => {
    ticks += 1;
    last = tick;
  };
  for (const frame of frames) venue.read(frame, lookup, out);
  if (ticks !== frames.length) throw new Error(`${frames.length} frames of ${id} ${what} gave ${ticks} ticks`);
  return measure({
    name: `frames to ticks: ${id} ${what}`,
    unit: "frames",
    repetitions: 7,
    about: aboutOf(frames),
    verified: "a tick for each frame",
    run: () => {
      for (let round = 0; round < rounds; round++) for (const frame of frames) venue.read(frame, lookup, out);
      return { count: rounds * frames.length };
    },
    floors: [parseFloor(frames, rounds, () => last)],
  });
}

/** Reading, and the book's rule with its checksum over each update. */
async function checked(id: string, what: string, frames: readonly Frame[], rounds: number): Promise<Figure> {
  const venue = venueOf(id);
  const run = () => {
    let steps = 0;
    for (let round = 0; round < rounds; round++) steps += checkedSteps(venue, frames);
    if (steps !== rounds * frames.length) throw new Error(`a checksum of ${id} ${what} does not hold`);
    return { count: rounds * frames.length };
  };
  return measure({
    name: `frames to checked books: ${id} ${what}`,
    unit: "frames",
    repetitions: 7,
    about: aboutOf(frames),
    verified: "every checksum holds",
    run,
    floors: [parseFloor(frames, rounds, () => undefined)],
  });
}

function checkedSteps(venue: Venue, frames: readonly Frame[]): number {
  const lookup = lookupOf(venue.id);
  const books = new Map<string, BookSequence>();
  let right = 0;
  const out = (tick: RawTick) => {
    const depth = tick as DepthTick;
    let book = books.get(depth.symbol);
    if (book === undefined) {
      book = venue.sequence();
      books.set(depth.symbol, book);
    }
    const step = depth.action === "snapshot" ? book.snapshot(depth) : book.next(depth);
    if (step === "apply" || typeof step === "object") right += 1;
  };
  for (const frame of frames) venue.read(frame, lookup, out);
  return right;
}

function aboutOf(frames: readonly Frame[]): string {
  const bytes = frames.reduce((sum, { text }) => sum + text.length, 0);
  return `${frames.length} recorded frames of ${Math.round(bytes / frames.length)} bytes`;
}

function parseFloor(frames: readonly Frame[], rounds: number, before: () => unknown) {
  let last = before();
  return {
    name: "JSON.parse of the same frames",
    run: () => {
      for (let round = 0; round < rounds; round++) for (const frame of frames) last = JSON.parse(frame.text);
      return { count: last === undefined ? 0 : rounds * frames.length };
    },
  };
}
