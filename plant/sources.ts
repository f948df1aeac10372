import type { PlantConfig } from "../infra/config/plant-config.js";
import { engineSource } from "../ingest/engine/engine-source.js";
import { chainlinkSource } from "../ingest/oracles/chainlink/chainlink-source.js";
import { pythSource } from "../ingest/oracles/pyth/pyth-source.js";
import type { MakeSource } from "../ingest/source.js";
import type { Codecs } from "../schemas/codec.js";

/** The sources of the configuration beside the venues. */
export function sourcesOf({ ingest }: PlantConfig, codecs: Codecs): MakeSource[] {
  const { schemaId } = codecs["market.raw"];
  return [
    ...ingest.engines.map((config) => engineSource({ config, schemaId, publisher: ingest.publisher })),
    ...ingest.oracles.chainlink.map(chainlinkSource),
    ...ingest.oracles.pyth.map(pythSource),
  ];
}
