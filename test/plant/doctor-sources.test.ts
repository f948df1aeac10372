import { afterEach, expect, it } from "vitest";
import { loadConfig } from "../../infra/config/load-config.js";
import { examine } from "../../plant/doctor/finding.js";
import { sourceChecks } from "../../plant/doctor/sources.js";
import { testLogger } from "../infra/kafka-rig.js";
import { hermesServer } from "../ingest/oracles/hermes-server.js";
import { asOfPythnet, hermesUpdates } from "../ingest/oracles/hermes-updates.js";
import { PriceFeedChain } from "../ingest/oracles/price-feed-rig.js";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const found = async (ingest: object) => {
  const config = loadConfig({ env: {}, overrides: { ingest } });
  const findings = await examine(sourceChecks(config, testLogger));
  return findings.map(({ verdict, name, found: text }) => `${verdict} ${name}: ${text}`);
};

it("tells whether oracles have their feeds", async () => {
  const chain = await PriceFeedChain.start();
  ends.push(() => chain.anvil.kill());
  const proxy = await chain.proxy(await chain.aggregator(8, "BTC / USD"));
  const server = await hermesServer();
  ends.push(server.stop);
  const [update] = hermesUpdates();
  server.answer(update!.bytes);
  const feedId = update!.decoded[0]!.id;
  const oracles = {
    chainlink: [
      {
        rpcUrls: [chain.anvil.httpUrl],
        feeds: [
          { symbol: "BTC/USD", proxy },
          { symbol: "ETH/USD", proxy: chain.from },
        ],
      },
    ],
    pyth: [
      {
        ...asOfPythnet,
        url: server.url,
        feeds: [
          { symbol: "BTC/USD", feedId },
          { symbol: "ETH/USD", feedId: "0".repeat(64) },
        ],
      },
      { id: "pyth2", url: "http://127.0.0.1:9", feeds: [{ symbol: "BTC/USD", feedId }] },
    ],
  };
  const lines = await found({ oracles });
  expect(lines).toContainEqual(expect.stringMatching(/^ok oracle chainlink: block \d+ of 20/));
  expect(lines).toContain("ok oracle chainlink: BTC/USD: BTC / USD, 8 decimals");
  expect(lines).toContainEqual(expect.stringMatching(/^wrong oracle chainlink: ETH\/USD: /));
  expect(lines).toContain("ok oracle pyth: BTC/USD: its price is proven, its signatures are not checked");
  expect(lines).toContain(`wrong oracle pyth: ETH/USD: no price of feed ${"0".repeat(64)}`);
  expect(lines).toContainEqual(expect.stringMatching(/^note oracle pyth2: does not answer/));
}, 300_000);
