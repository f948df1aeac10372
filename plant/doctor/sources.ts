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
        const decimals = await feed.decimals(head.hash);
        const text = await feed.description(head.hash);
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

async function pythFindings({ id, url, feeds }: PythConfig, signal: AbortSignal): Promise<Finding[]> {
  const name = `oracle ${id}`;
  const [{ latestUpdates }, { pricesOfUpdate }] = await Promise.all([
    import("../../ingest/oracles/pyth/hermes.js"),
    import("../../ingest/oracles/pyth/prices-of-update.js"),
  ]);
  const updates = await latestUpdates({ url, feedIds: feeds.map(({ feedId }) => feedId) }, signal);
  const had = new Set(updates.flatMap((bytes) => pricesOfUpdate(bytes).prices.map(({ feedId }) => feedId)));
  return feeds.map(({ symbol, feedId }) =>
    had.has(feedId)
      ? ok(name, `${symbol}: its price is proven`)
      : wrong(name, `${symbol}: no price of feed ${feedId}`, "is its id right?"),
  );
}
