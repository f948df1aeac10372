import { book } from "./book.js";
import { ccxt } from "./ccxt.js";
import { clusterLatency } from "./cluster/latency.js";
import { clusterSink } from "./cluster/sink.js";
import { clusterThroughput } from "./cluster/throughput.js";
import { decimals } from "./decimals.js";
import { endToEnd } from "./end-to-end.js";
import type { Figure } from "./figure.js";
import { frames } from "./frames.js";
import { kline } from "./kline.js";
import { log } from "./log.js";
import { processors } from "./processors.js";
import { venueFrames } from "./venue-frames.js";

/** What the bench measures, in this order. */
export const subjects: Readonly<Record<string, () => Promise<Figure[]>>> = {
  decimals,
  frames,
  venueFrames,
  ccxt,
  kline,
  book,
  processors,
  log,
  endToEnd,
  clusterLatency,
  clusterThroughput,
  clusterSink,
};
