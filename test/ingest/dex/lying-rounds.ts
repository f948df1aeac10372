import { join } from "node:path";
import { expect } from "vitest";
import { Anvil } from "../evm/anvil.js";
import { until } from "../live-rig.js";
import { canonicalTrades } from "./canonical.js";
import { ChainRig, poolsOf, standing, V2, V3 } from "./chain-rig.js";
import { HONEST, type Lies, LyingNode } from "./lying-node.js";
import { UniswapRig } from "./uniswap-rig.js";

const token = 10n ** 18n;

export interface LyingRounds {
  readonly rounds: number;
  readonly seed: number;
  /** Blocks that come while a plant is away; then it catches up by ranges. */
  readonly away: number;
}

/** What came of the rounds. */
export interface LyingFigures {
  readonly events: number;
  /** Questions to the lying nodes, and to the honest one for the same. */
  readonly questions: number;
  readonly honest: number;
  readonly lies: Readonly<Record<string, number>>;
}

/** mulberry32: the same seed tells the same lies, as far as questions come in the same order. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What the nodes of a round lie about. */
const kinds: readonly (readonly [name: string, lies: Partial<Lies>])[] = [
  ["empty answers", { empty: 0.25 }],
  ["lagging heads", { lag: 0.25 }],
  ["rate limits", { limit: 0.08 }],
  ["no EIP-1898", { isOld: true }],
  ["all of it", { empty: 0.1, lag: 0.1, limit: 0.04, isOld: true }],
  ["all of it without logsBloom", { empty: 0.1, lag: 0.1, limit: 0.04, noBloom: true }],
];

/**
 * Rounds of blocks, reorganisations and absences: one plant follows the chain through nodes that lie, another through one that
 * does not. After each round both have the chain's trades, each once.
 *
 * @throws AssertionError naming seed and round
 */
export async function lyingRounds({ rounds, seed, away }: LyingRounds): Promise<LyingFigures> {
  const random = randomOf(seed);
  const below = (count: number) => Math.floor(random() * count);
  const time = Math.floor(Date.now() / 1000) - 10 * 3_600;
  const anvil = await Anvil.start(time);
  const uniswap = new UniswapRig(anvil, time);
  const ends: (() => unknown)[] = [() => anvil.kill()];
  try {
    await uniswap.deploy();
    const nodes = [
      await LyingNode.start(anvil.httpUrl, randomOf(seed + 1)),
      await LyingNode.start(anvil.httpUrl, randomOf(seed + 2)),
    ];
    const honest = await LyingNode.start(anvil.httpUrl, () => 0.5);
    const rigs = [await ChainRig.open(), await ChainRig.open()];
    ends.push(() => [...nodes, honest].forEach((node) => void node.close()), ...rigs.map((rig) => () => rig.close()));
    let hasTwo = false;
    const start = (which: number) => {
      const urls = hasTwo ? nodes.map(({ url }) => url) : [nodes[0]!.url];
      rigs[which]!.start(anvil, {
        rpcUrls: which === 0 ? urls : [honest.url],
        startBlock: 0,
        logRange: 20,
        positionFile: join(rigs[which]!.folder, "position.json"),
        pools: poolsOf(uniswap),
      });
    };
    const blocks = async (count: number) => {
      for (let block = 0; block < count; block++) {
        if (below(3) > 0) await uniswap.swap3(below(2) === 0, token + BigInt(below(1_000)));
        if (below(3) === 0) await uniswap.swap2(below(2) === 0, token, token / 5n);
        await uniswap.mine(1 + below(20));
      }
    };
    let events = 0;
    for (const which of [0, 1]) start(which);
    for (let round = 0; round < rounds; round++) {
      const [name, lies] = kinds[round % kinds.length]!;
      for (const node of nodes) node.lies = { ...HONEST, ...lies };
      try {
        if (below(2) === 0) {
          for (const rig of rigs) await rig.stopIngest();
          hasTwo = below(2) === 0;
          await blocks(away + below(10));
          for (const which of [0, 1]) start(which);
        }
        await blocks(2 + below(4));
        if (below(3) === 0) {
          await uniswap.rollback(1 + below(3));
          await blocks(4 + below(2));
        }
        events = await expectChain(rigs, anvil, uniswap);
      } catch (error) {
        throw new Error(`TEST_SEED=${seed}, round ${round}: ${name}, ${hasTwo ? "two nodes" : "one node"}`, {
          cause: error,
        });
      }
    }
    const told: Record<string, number> = {};
    for (const node of nodes) for (const [kind, times] of node.told) told[kind] = (told[kind] ?? 0) + times;
    const questions = nodes.reduce((sum, node) => sum + node.questions, 0);
    return { events, questions, honest: honest.questions, lies: told };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** Both plants have the chain's trades as it stands now, in its order. @returns how many */
async function expectChain(rigs: readonly ChainRig[], anvil: Anvil, uniswap: UniswapRig): Promise<number> {
  let events = 0;
  for (const [symbol, address] of [
    [V3.symbol, uniswap.pool],
    [V2.symbol, uniswap.pair],
  ] as const) {
    const wanted = (await canonicalTrades(anvil, uniswap, address)).map(({ tradeId, qty }) => `${tradeId} ${qty}`);
    events += wanted.length;
    for (const rig of rigs) {
      const ours = async () => standing(await rig.trades(symbol)).map(({ tradeId, qty }) => `${tradeId} ${qty}`);
      const isSame = async () => JSON.stringify(await ours()) === JSON.stringify(wanted);
      await until(isSame, `${symbol} is the chain's`, 60_000).catch(() => {});
      expect(await ours()).toEqual(wanted);
    }
  }
  for (const rig of rigs) await until(() => rig.ingest!.isReady, "ready");
  return events;
}
