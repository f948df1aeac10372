import { describe, expect, test } from "vitest";
import type { Depth } from "../../schemas/messages.js";
import { recording } from "../recordings.js";
import { linesOf, messagesOf, replayed, seldom } from "./raw-recording.js";

interface Recording {
  readonly venue: string;
  readonly files: readonly string[];
  /** Updates for which the recorder had dropped the bookTicker frame. */
  readonly misses: number;
}

const recordings: readonly Recording[] = [
  { venue: "binance", files: ["spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"], misses: 2 },
  { venue: "binanceusdm", files: ["usdm/btcusdt_20240808.gz"], misses: 0 },
  { venue: "binanceusdm", files: ["usdm/ethusdt_20240808.gz"], misses: 0 },
  { venue: "binanceusdm", files: ["history/usdm_ethusdt_20240718.gz", "history/usdm_ethusdt_20240719.gz"], misses: 0 },
  { venue: "binancecoinm", files: ["cm/btcusd_perp_20240808.gz", "cm/btcusd_perp_20240809.gz"], misses: 0 },
  { venue: "binancecoinm", files: ["cm/ethusd_perp_20240808.gz", "cm/ethusd_perp_20240809.gz"], misses: 0 },
];

interface Top {
  readonly updateId: number;
  readonly text: string;
}

interface Facts {
  /** Best bid and ask of each bookTicker frame, by id. */
  readonly tops: Top[];
  /** Last ids of the depth updates that follow the snapshot. */
  readonly updates: number[];
  readonly tradeIds: number[];
}

/** What the raw file says, read without any part of the plant. */
function scan(files: readonly string[], isFutures: boolean): Facts {
  const facts: Facts = { tops: [], updates: [], tradeIds: [] };
  const diffs: number[] = [];
  let snapshot = 0;
  for (const line of files.flatMap((file) => linesOf(`hftbacktest/${file}`))) {
    const frame = JSON.parse(line.slice(line.indexOf(" ") + 1));
    const data = frame.data;
    if (frame.lastUpdateId !== undefined) snapshot ||= frame.lastUpdateId;
    else if (frame.stream.endsWith("@bookTicker")) {
      facts.tops.push({ updateId: data.u, text: [data.b, data.B, data.a, data.A].map(plain).join(" ") });
    } else if (data.e === "depthUpdate") diffs.push(data.u);
    else if (data.e === "trade") facts.tradeIds.push(data.t);
  }
  facts.tops.sort((a, b) => a.updateId - b.updateId);
  // futures: drop any event where u is < lastUpdateId; spot: where u is <=
  facts.updates.push(...diffs.filter((u) => u > snapshot || (isFutures && u === snapshot)));
  return facts;
}

/** "3.78826000" and "3.78826" are one value. */
const plain = (text: string) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** One side of a book as anybody would keep it from the messages: a map of texts, and its best price. */
class PlainSide {
  readonly #levels = new Map<string, string>();
  #best = "";

  /** @param sign 1 for bids, -1 for asks */
  constructor(readonly sign: number) {}

  clear(): void {
    this.#levels.clear();
    this.#best = "";
  }

  set(price: string, qty: string): void {
    if (qty !== "0") {
      this.#levels.set(price, qty);
      if (this.#best === "" || this.#beats(price, this.#best)) this.#best = price;
      return;
    }
    this.#levels.delete(price);
    if (price !== this.#best) return;
    this.#best = "";
    for (const left of this.#levels.keys()) if (this.#best === "" || this.#beats(left, this.#best)) this.#best = left;
  }

  get top(): string {
    return `${this.#best} ${this.#levels.get(this.#best)}`;
  }

  /** Doubles order the prices here; what is compared is text. */
  #beats(price: string, than: string): boolean {
    return (Number(price) - Number(than)) * this.sign > 0;
  }
}

class PlainBook {
  readonly bids = new PlainSide(1);
  readonly asks = new PlainSide(-1);

  take({ is_snapshot, bids, asks }: Depth): void {
    if (is_snapshot) {
      this.bids.clear();
      this.asks.clear();
    }
    for (const [price, qty] of bids) this.bids.set(price, qty);
    for (const [price, qty] of asks) this.asks.set(price, qty);
  }

  get top(): string {
    return `${this.bids.top} ${this.asks.top}`;
  }
}

describe.each(recordings)("$venue $files", ({ venue, files, misses }) => {
  test("the book's top equals the venue's after every update, and trades are all there", async () => {
    const facts = scan(files, venue !== "binance");
    const paths = files.map((file) => recording(`hftbacktest/${file}`));
    const { outputs, refused } = await replayed(
      { files: paths, format: "hftbacktest", venue },
      ["market.depth", "market.trade"],
      seldom,
    );
    const all = messagesOf(outputs, "market.depth").filter(({ exchange }) => exchange === venue);
    // before the first snapshot there is no book; after it no gap
    const depths = all.slice(all.findIndex(({ is_snapshot }) => is_snapshot));
    expect(depths.filter(({ status }) => status === "stale")).toEqual([]);
    expect(refused).toEqual([]);

    const book = new PlainBook();
    const seen: number[] = [];
    const wrong: string[] = [];
    let top = 0;
    for (const depth of depths) {
      book.take(depth);
      if (depth.is_snapshot) continue;
      seen.push(depth.update_id);
      while (top + 1 < facts.tops.length && facts.tops[top + 1]!.updateId <= depth.update_id) top++;
      if (facts.tops[top]!.updateId > depth.update_id) continue;
      if (book.top !== facts.tops[top]!.text)
        wrong.push(`${depth.update_id}: ${book.top}, not ${facts.tops[top]!.text}`);
    }
    expect(wrong).toHaveLength(misses);
    // each update of the recording behind the snapshot came out, one for one
    expect(seen).toEqual(facts.updates.slice(facts.updates.indexOf(seen[0]!)));
    expect(facts.updates.length - seen.length).toBeLessThanOrEqual(1);
    expect(seen.length).toBeGreaterThan(1000);

    const ids = messagesOf(outputs, "market.trade").map(({ trade_id }) => Number(trade_id));
    expect(ids).toEqual(facts.tradeIds);
    expect(ids.every((id, at) => at === 0 || id === ids[at - 1]! + 1)).toBe(true);
  });
});
