import type { EngineConfig } from "../../infra/config/engine-config.js";
import type { ChainlinkConfig, PythConfig } from "../../infra/config/oracle-config.js";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import { whyFailed } from "../../infra/errors.js";
import type { Logger } from "../../infra/logging.js";
import { partitionsIn } from "../parts.js";
import { type Check, type Finding, note, ok, wrong } from "./finding.js";

/** Whether engines' brokers and oracles answer, and have what is configured of them. */
export function sourceChecks({ ingest }: PlantConfig, logger: Logger): Check[] {
  const { engines, oracles } = ingest;
  return [
    ...engines.map((engine) => checkOf(`engine ${engine.id}`, () => engineFindings(engine, logger))),
    ...oracles.chainlink.map((one) => checkOf(`oracle ${one.id}`, () => chainlinkFindings(one, logger))),
    ...oracles.pyth.map((one) => checkOf(`oracle ${one.id}`, (signal) => pythFindings(one, signal))),
  ];
}

/** Others' services may be away for good reasons: that alone is not wrong. */
function checkOf(name: string, look: (signal: AbortSignal) => Promise<Finding[]>): Check {
  const todo = "look at the network and the addresses that are configured";
  return {
    name,
    todo,
    async run(signal) {
      try {
        return await look(signal);
      } catch (error) {
        return [note(name, `does not answer: ${whyFailed(error)}`, todo)];
      }
    },
  };
}

async function engineFindings({ id, kafka, streams }: EngineConfig, logger: Logger): Promise<Finding[]> {
  const name = `engine ${id}`;
  const { KafkaLog } = await import("../../infra/log/kafka/kafka-log.js");
  const log = await KafkaLog.open({ kafka, namespace: "", logger });
  try {
    return [...new Set(streams.map(({ topic }) => topic))].map((topic) => {
      const partitions = partitionsIn(log, topic);
      if (partitions !== undefined) return ok(name, `topic ${topic} has ${partitions} partitions`);
      return wrong(name, `topic ${topic} does not exist`, "is its name right, and are these its brokers?");
    });
  } finally {
    await log.close();
  }
}

async function chainlinkFindings({ id, rpcUrls, feeds }: ChainlinkConfig, logger: Logger): Promise<Finding[]> {
  const name = `oracle ${id}`;
  const [{ ChainRpc }, { FeedProxy }] = await Promise.all([
    import("../../ingest/evm/chain-rpc.js"),
    import("../../ingest/oracles/chainlink/feed-proxy.js"),
  ]);
  const rpc = new ChainRpc({ chain: id, urls: rpcUrls, timeoutMs: 5_000, logger });
  try {
    const head = await rpc.block("latest");
    if (head === undefined) return [note(name, "the node has no blocks", "is it still starting?")];
    const findings = [ok(name, `block ${head.number} of ${new Date(head.time / 1000).toISOString()}`)];
    for (const { symbol, proxy } of feeds) {
      const feed = new FeedProxy(rpc, proxy);
      try {
        const decimals = await feed.decimals(head);
        const text = await feed.description(head);
        findings.push(ok(name, `${symbol}: ${text || proxy}, ${decimals} decimals`));
      } catch (error) {
        findings.push(wrong(name, `${symbol}: ${whyFailed(error)}`, `is ${proxy} its proxy, on this chain?`));
      }
    }
    return findings;
  } finally {
    rpc.close();
  }
}

async function pythFindings(config: PythConfig, signal: AbortSignal): Promise<Finding[]> {
  const { id, url, key, feeds, emitters, signerSets } = config;
  const name = `oracle ${id}`;
  const [{ latestUpdates }, { pricesOfUpdate }, { ServedFeeds }, { HermesRefused }, { requireSigners, signerSetsOf }] =
    await Promise.all([
      import("../../ingest/oracles/pyth/hermes.js"),
      import("../../ingest/oracles/pyth/prices-of-update.js"),
      import("../../ingest/oracles/pyth/served-feeds.js"),
      import("../../ingest/oracles/pyth/errors.js"),
      import("../../ingest/oracles/pyth/signers.js"),
    ]);
  const served = new ServedFeeds([...new Set(feeds.map(({ feedId }) => feedId))]);
  const ask = (feedIds: readonly string[]) => latestUpdates({ url, key, feedIds }, signal);
  const updates = await ask(served.served).catch(async (error) => {
    if (!(error instanceof HermesRefused)) throw error;
    if (error.status === 401) return error;
    await served.narrow(error, ask, 0);
    return served.served.length === 0 ? [] : ask(served.served);
  });
  if (updates instanceof HermesRefused) return [wrong(name, updates.message, "set `key`: Hermes wants one")];
  const sets = signerSetsOf(signerSets);
  const had = new Set<string>();
  for (const bytes of updates) {
    const proven = pricesOfUpdate(bytes, emitters);
    if (sets.size > 0) await requireSigners(proven, sets);
    for (const { feedId } of proven.prices) had.add(feedId);
  }
  const proof = sets.size > 0 ? "proven and signed" : "proven, its signatures are not checked";
  return feeds.map(({ symbol, feedId }) => {
    if (had.has(feedId)) return ok(name, `${symbol}: its price is ${proof}`);
    const refused = served.refused.find((feed) => feed.feedId === feedId);
    const why = refused === undefined ? `no price of feed ${feedId}` : `feed ${feedId}: ${refused.why}`;
    return wrong(name, `${symbol}: ${why}`, "is its id right, and may the key read it?");
  });
}
