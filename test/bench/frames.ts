import type { BinanceId } from "../../ingest/venues/binance/settings.js";
import { binance } from "../../ingest/venues/binance.js";
import { type Figure, measure } from "./figure.js";
import { instrumentOf } from "./instruments.js";
import { type FrameKind, type RecordedFrame, recordedFrames } from "./recorded-frames.js";

const sources: readonly (readonly [BinanceId, string])[] = [
  ["binanceusdm", "usdm/btcusdt_20240808"],
  ["binance", "spot/btcusdt_20240808"],
];
const kinds: readonly (readonly [FrameKind, rounds: number])[] = [
  ["trade", 4],
  ["bookTicker", 1],
  ["depth", 1],
];

/** Frames to ticks: the Binance connector beside JSON.parse of the same frames. */
export async function frames(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [venue, name] of sources) {
    const all = recordedFrames(name, "BTCUSDT");
    for (const [kind, rounds] of kinds) {
      figures.push(
        await figureOf(
          venue,
          kind,
          rounds,
          all.filter((frame) => frame.kind === kind),
        ),
      );
    }
  }
  return figures;
}

async function figureOf(venueId: BinanceId, kind: FrameKind, rounds: number, frames: readonly RecordedFrame[]) {
  const venue = binance(venueId);
  const instrument = instrumentOf(venueId, "BTC/USDT");
  const lookup = { byNativeId: () => instrument };
  let ticks = 0;
  let last: unknown;
  const out = (tick: unknown) => {
    ticks++;
    last = tick;
  };
  for (const frame of frames) venue.read(frame, lookup, out);
  if (ticks !== frames.length) throw new Error(`${frames.length} frames of ${kind} gave ${ticks} ticks`);
  const bytes = frames.reduce((sum, { text }) => sum + text.length, 0);
  return measure({
    name: `frames to ticks: ${venueId} ${kind}`,
    unit: "frames",
    repetitions: 9,
    about: `${frames.length} recorded frames of ${Math.round(bytes / frames.length)} bytes`,
    verified: "a tick for each frame",
    goal: { ratio: 0.7 },
    run: () => {
      for (let round = 0; round < rounds; round++) for (const frame of frames) venue.read(frame, lookup, out);
      return { count: rounds * frames.length };
    },
    floors: [
      {
        name: "JSON.parse of the same frames",
        run: () => {
          for (let round = 0; round < rounds; round++) for (const frame of frames) last = JSON.parse(frame.text);
          return { count: last === undefined ? 0 : rounds * frames.length };
        },
      },
    ],
  });
}
