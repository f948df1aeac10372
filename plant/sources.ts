import { venueSettings } from "../infra/config/ingest-config.js";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { ccxtSource } from "../ingest/ccxt/ccxt-source.js";
import type { ChainChannels } from "../ingest/dex/chain-channels.js";
import { chainSource } from "../ingest/dex/chain-source.js";
import { engineSource } from "../ingest/engine/engine-source.js";
import { chainlinkSource } from "../ingest/oracles/chainlink/chainlink-source.js";
import { pythSource } from "../ingest/oracles/pyth/pyth-source.js";
import { leased, type MakeSource } from "../ingest/source.js";
import type { Codecs } from "../schemas/codec.js";
import { chainChoice, encodeChainMessage } from "./chains.js";

/**
 * The sources of the configuration beside the venues that are taken in natively.
 *
 * @param channels where chains publish what is pending; undefined without a bus
 */
export function sourcesOf(config: PlantConfig, codecs: Codecs, channels: ChainChannels | undefined): MakeSource[] {
  const { ingest } = config;
  const { schemaId } = codecs["market.raw"];
  const encode = encodeChainMessage(codecs);
  return [
    ...ingest.venues.filter(({ connector }) => connector === "ccxt").map((venue) => ccxtOf(venue, ingest)),
    ...ingest.chains.map((chain) => chainSource(chainChoice(chain, config), { encode, channels })),
    ...ingest.engines.map((engine) => engineSource({ config: engine, schemaId, publisher: ingest.publisher })),
    ...ingest.oracles.chainlink.map(chainlinkSource),
    ...ingest.oracles.pyth.map(pythSource),
  ];
}

type IngestConfig = PlantConfig["ingest"];

function ccxtOf(venue: IngestConfig["venues"][number], { resnapshotMinutes, backfill }: IngestConfig): MakeSource {
  const { id, symbols, kinds } = venue;
  const snapshotEvery = resnapshotMinutes * 60_000_000;
  const settings = venueSettings(venue);
  return leased(`ccxt|${id}`, ccxtSource({ id, symbols, kinds, settings, snapshotEvery, backfill }));
}
