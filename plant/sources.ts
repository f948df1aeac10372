import { venueSettings } from "../infra/config/ingest-config.js";
import type { PlantConfig } from "../infra/config/plant-config.js";
import type { ChainChannels } from "../ingest/dex/chain-channels.js";
import { leased, type MakeSource } from "../ingest/source.js";
import type { Codecs } from "../schemas/codec.js";
import { chainChoice, encodeChainMessage } from "./chains.js";

/**
 * The sources of the configuration beside the venues that are taken in natively. Loads what they need: the libraries of
 * chains alone are a third of all modules.
 *
 * @param channels where chains publish what is pending; undefined without a bus
 */
export async function sourcesOf(
  config: PlantConfig,
  codecs: Codecs,
  channels: ChainChannels | undefined,
): Promise<MakeSource[]> {
  const { venues, engines, chains, oracles } = config.ingest;
  const ccxt = venues.filter(({ connector }) => connector === "ccxt");
  const found = await Promise.all([
    ccxt.length > 0 && ccxtSources(ccxt, config.ingest),
    chains.length > 0 && chainSources(config, codecs, channels),
    engines.length > 0 && engineSources(config.ingest, codecs),
    oracles.chainlink.length > 0 && chainlinkSources(oracles.chainlink),
    oracles.pyth.length > 0 && pythSources(oracles.pyth),
  ]);
  return found.flatMap((sources) => sources || []);
}

type IngestConfig = PlantConfig["ingest"];

async function ccxtSources(
  venues: IngestConfig["venues"],
  { resnapshotMinutes, backfill }: IngestConfig,
): Promise<MakeSource[]> {
  const { ccxtSource } = await import("../ingest/ccxt/ccxt-source.js");
  const snapshotEvery = resnapshotMinutes * 60_000_000;
  return venues.map((venue) => {
    const { id, symbols, kinds } = venue;
    const settings = venueSettings(venue);
    return leased(`ccxt|${id}`, ccxtSource({ id, symbols, kinds, settings, snapshotEvery, backfill }));
  });
}

async function chainSources(
  config: PlantConfig,
  codecs: Codecs,
  channels: ChainChannels | undefined,
): Promise<MakeSource[]> {
  const { chainSource } = await import("../ingest/dex/chain-source.js");
  const encode = encodeChainMessage(codecs);
  return config.ingest.chains.map((chain) => chainSource(chainChoice(chain, config), { encode, channels }));
}

async function engineSources({ engines, publisher }: IngestConfig, codecs: Codecs): Promise<MakeSource[]> {
  const { engineSource } = await import("../ingest/engine/engine-source.js");
  const { schemaId } = codecs["market.raw"];
  return engines.map((engine) => engineSource({ config: engine, schemaId, publisher }));
}

async function chainlinkSources(oracles: IngestConfig["oracles"]["chainlink"]): Promise<MakeSource[]> {
  const { chainlinkSource } = await import("../ingest/oracles/chainlink/chainlink-source.js");
  return oracles.map(chainlinkSource);
}

async function pythSources(oracles: IngestConfig["oracles"]["pyth"]): Promise<MakeSource[]> {
  const { pythSource } = await import("../ingest/oracles/pyth/pyth-source.js");
  return oracles.map(pythSource);
}
