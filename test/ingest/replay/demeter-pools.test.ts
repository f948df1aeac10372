import { symlinkSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parsePool } from "../../../ingest/replay/replay-settings.js";
import type { TradeTick } from "../../../schemas/ticks.js";
import { recording } from "../../recordings.js";
import { ofKind, replayed, temporaryFolder } from "./collected.js";

const folder = temporaryFolder();
const known = "ethereum-0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640-2024-01-05.raw.csv";
const file = recording(`demeter-fetch/${known}.00-12h.gz`);
/** The same file, as if it were of a chain whose pools nobody knows here. */
const renamed = (): string => {
  const path = folder.path(known.replace("ethereum", "polygon"));
  symlinkSync(file, path);
  return path;
};
const plain = ({ price, qty, side, exchangeTime }: TradeTick) => [price, qty, side, exchangeTime];

it("a pool that is not known is read with its tokens and fee as they are named, as the known one is", async () => {
  const truth = await replayed({ files: [file] });
  const { ticks, report } = await replayed({ files: [renamed()], pool: parsePool("USDC:6,WETH:18,500") });
  expect(report.problemCount).toBe(0);
  const trades = ofKind(ticks, "trade");
  expect(trades.length).toBeGreaterThan(1000);
  expect(trades.map(plain)).toEqual(ofKind(truth.ticks, "trade").map(plain));
  expect(trades[0]).toMatchObject({ symbol: "WETH/USDC", exchange: "uniswap-v3-500" });
  expect(ofKind(ticks, "instrument")[0]).toMatchObject({ chain: "polygon", base: "WETH", quote: "USDC" });
});

it("the market's name says which token is the base currency", async () => {
  const pool = parsePool("USDC:6,WETH:18,500");
  const [one] = ofKind((await replayed({ files: [renamed()], pool })).ticks, "trade");
  const turned = await replayed({ files: [file], pool: { ...pool, symbol: "USDC/WETH" } });
  const [other] = ofKind(turned.ticks, "trade");
  expect(other).toMatchObject({ symbol: "USDC/WETH", side: one!.side === "buy" ? "sell" : "buy" });
  expect(Number(one!.price) * Number(other!.price)).toBeCloseTo(1, 12);
});

it("without them the message says what to name, and where", async () => {
  const path = renamed();
  await expect(replayed({ files: [path] })).rejects.toThrow(
    `${path}: what tokens 0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640 on polygon has is not known; name its tokens`,
  );
  const unnamed = folder.path("swaps.csv");
  writeFileSync(unnamed, "block_number,block_timestamp,transaction_hash,transaction_index,log_index,topics,data\n");
  await expect(replayed({ files: [unnamed] })).rejects.toMatchObject({ code: "TP_REPLAY_POOL_UNKNOWN" });
  for (const text of ["", "USDC,WETH,500", "USDC:6,WETH:18", "USDC:6,WETH:18,500,x", "USDC:x,WETH:18,500"])
    expect(() => parsePool(text), text).toThrow(/expected the tokens/);
});
