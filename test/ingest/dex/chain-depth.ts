import { createLogger } from "../../../infra/logging.js";
import { loadPool, type PoolChoice } from "../../../ingest/dex/load-pool.js";
import { PoolCalls } from "../../../ingest/dex/pool-calls.js";
import { PoolState } from "../../../ingest/dex/pool-state.js";
import { type Ladder, virtualDepth } from "../../../ingest/dex/virtual-depth.js";
import { ChainRpc } from "../../../ingest/evm/chain-rpc.js";
import type { Anvil } from "../evm/anvil.js";
import { SHAPE } from "./chain-rig.js";

/** The pool's virtual depth from what its contract says now, all of its ticks asked for, no event read. */
export async function depthOfChain(anvil: Anvil, choice: PoolChoice, priceDecimals: number): Promise<Ladder> {
  const rpc = new ChainRpc({ chain: "local", urls: [anvil.httpUrl], logger: createLogger({ level: "silent" }) });
  const head = (await rpc.block("latest"))!;
  const calls = new PoolCalls(rpc, head);
  const pool = { ...(await loadPool(calls, choice)), priceDecimals };
  const state = new PoolState(pool.protocol);
  Object.assign(state, await calls.reservesOf(pool.address, pool.protocol), { known: true });
  // the rig mints in no other ticks
  const ticks = pool.protocol === "v2" ? [] : Array.from({ length: 201 }, (_, at) => (at - 100) * pool.tickSpacing);
  const nets = await Promise.all(ticks.map((tick) => calls.netLiquidity(pool.address, tick)));
  for (const [at, net] of nets.entries()) if (net !== 0n) state.net.set(ticks[at]!, net);
  rpc.close();
  const known = pool.protocol === "v2" ? 887_272 : 3_000;
  return virtualDepth(pool, state, SHAPE, { from: -known, to: known });
}
