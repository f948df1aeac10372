import { join } from "node:path";
import type { ChainConfig } from "../infra/config/chains-config.js";
import type { PlantConfig } from "../infra/config/plant-config.js";
import type { ChainChoice } from "../ingest/dex/chain-source.js";
import type { EncodeChainMessage } from "../ingest/dex/chain-topics.js";
import type { FactoryChoice } from "../ingest/dex/factory.js";
import type { PoolChoice } from "../ingest/dex/load-pool.js";
import type { Codecs } from "../schemas/codec.js";

/** What is to be taken in of a chain, out of its configuration. */
export function chainChoice(
  { pools, factories, ...chain }: ChainConfig,
  { dataFolder, ingest }: PlantConfig,
): ChainChoice {
  return {
    ...chain,
    snapshotEvery: ingest.resnapshotMinutes * 60_000_000,
    positionFile: join(dataFolder, "chains", `${chain.id}.json`),
    factories: factories.map(({ venue, ...factory }): FactoryChoice => {
      return { ...factory, family: venue ?? `uniswap-${factory.protocol}` };
    }),
    pools: pools.map(({ venue, ...pool }): PoolChoice => {
      return { ...pool, family: venue ?? `uniswap-${pool.protocol}` };
    }),
  };
}

export const encodeChainMessage =
  (codecs: Codecs): EncodeChainMessage =>
  (topic, value) =>
    codecs[topic].encode(value as never);
