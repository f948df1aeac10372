import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigInvalid, type ConfigProblem } from "../../../infra/config/config-invalid.js";
import { type ConfigOverrides, loadConfig } from "../../../infra/config/load-config.js";
import { printConfig } from "../../../infra/config/print-config.js";
import { configReference } from "../../../infra/config/reference.js";
import { dialects } from "../../../ingest/simulator/dialects.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tickplant-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function yaml(text: string): string {
  const file = join(folder, "plant.yaml");
  writeFileSync(file, text);
  return file;
}

function problems(options: { text?: string; env?: Record<string, string>; overrides?: ConfigOverrides }) {
  try {
    loadConfig({
      file: options.text === undefined ? undefined : yaml(options.text),
      env: options.env ?? {},
      ...(options.overrides === undefined ? {} : { overrides: options.overrides }),
    });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigInvalid);
    expect((error as ConfigInvalid).code).toBe("TP_CONFIG_INVALID");
    for (const { path } of (error as ConfigInvalid).problems) expect((error as Error).message).toContain(path);
    return (error as ConfigInvalid).problems as ConfigProblem[];
  }
  return [];
}

describe("loadConfig", () => {
  test("nothing at all gives every default", () => {
    const config = loadConfig({ env: {} });
    expect(config.partitions).toBe(12);
    expect(config.roles).toEqual(["ingest", "process", "sink", "push"]);
    expect(config.ingest.publisher).toEqual({ maxTicks: 10_000, batchTicks: 100, lingerMs: 10 });
    expect(config.process.klineIntervals).toEqual(["1m", "5m", "15m", "1h", "4h", "1d"]);
    expect(config.log.retentionHours["market.raw"]).toBe(24);
    expect(config.push.host).toBe("127.0.0.1");
  });

  test("an empty file is the defaults", () => {
    expect(loadConfig({ file: yaml("# nothing\n"), env: {} })).toEqual(loadConfig({ env: {} }));
  });

  test.each(["default", "live"])("the shipped %s.yaml is valid", (name) => {
    const config = loadConfig({ file: join(import.meta.dirname, `../../../config/${name}.yaml`), env: {} });
    expect(config.ingest.venues.length).toBeGreaterThan(1);
  });

  test("each simulated venue of the demo is taken in at its own port", () => {
    const config = loadConfig({ file: join(import.meta.dirname, "../../../config/default.yaml"), env: {} });
    for (const simulated of config.simulator.venues) {
      const venue = config.ingest.venues.find(({ id }) => id === simulated.id);
      expect(venue?.restUrl).toBe(`http://127.0.0.1:${simulated.port}`);
      expect(venue?.wsUrl).toBe(`ws://127.0.0.1:${simulated.port}${dialects[simulated.dialect].wsPath}`);
      expect(venue?.symbols).toEqual(simulated.symbols);
    }
  });

  test("the file beats the defaults, the environment the file, the command line the environment", () => {
    const text = "push: { restPort: 1000, webSocketPort: 1001, host: 0.0.0.0 }\n";
    const env = { TICKPLANT__PUSH__REST_PORT: "2000", TICKPLANT__PUSH__WEB_SOCKET_PORT: "2001", HOME: "/" };
    const config = loadConfig({ file: yaml(text), env, overrides: { push: { webSocketPort: 3001 } } });
    expect(config.push).toMatchObject({ host: "0.0.0.0", restPort: 2000, webSocketPort: 3001, deflate: false });
  });

  test("the environment reaches into lists, and text stays text", () => {
    const text = "ingest: { venues: [{ id: binance, symbols: [BTC/USDT] }] }";
    const env = {
      TICKPLANT__INGEST__VENUES__0__REST_URL: "http://127.0.0.1:9",
      TICKPLANT__STORE__PASSWORD: "0123",
      TICKPLANT__ROLES: "[push, sink]",
    };
    const config = loadConfig({ file: yaml(text), env });
    expect(config.ingest.venues[0]?.restUrl).toBe("http://127.0.0.1:9");
    expect(config.store.password).toBe("0123");
    expect(config.roles).toEqual(["push", "sink"]);
  });

  test("every wrong key and value is named with its path, all at once", () => {
    const text = [
      "ingest:",
      "  venues:",
      "    - { id: binance, symbols: BTC/USDT }",
      "    - { id: Kraken, symbols: [BTCUSD], kinds: [trades] }",
      "  heartbeetMs: 250",
      "process: { klineIntervals: [7m], priceBand: 0.1 }",
      "log: { retentionHours: { market.raw: -1 } }",
      "pushh: {}",
    ].join("\n");
    const found = Object.fromEntries(problems({ text }).map(({ path, message }) => [path, message]));
    expect(found["ingest.venues[0].symbols"]).toBe("expected array, received string");
    expect(found["ingest.venues[1].id"]).toContain("expected a venue id");
    expect(found["ingest.venues[1].symbols[0]"]).toContain("expected a unified symbol");
    expect(found["ingest.venues[1].kinds[0]"]).toContain('expected one of "trade"');
    expect(found["ingest.heartbeetMs"]).toContain("no such key");
    expect(found["process.klineIntervals[0]"]).toContain("expected one of");
    expect(found["process.priceBand"]).toContain("in quotes");
    expect(found['log.retentionHours["market.raw"]']).toContain("expected number to be >0");
    expect(found.pushh).toContain("no such key");
    expect(Object.keys(found)).toHaveLength(9);
  });

  test("a misspelt variable is an error, one of another prefix is not", () => {
    expect(problems({ env: { TICKPLANT__PUSH__PROT: "1" } })[0]?.path).toBe("TICKPLANT__PUSH__PROT");
    expect(problems({ env: { TICKPLANT_DATA: "/elsewhere" } })).toEqual([]);
  });

  test("a file that is missing or is not YAML is named", () => {
    const missing = join(folder, "missing.yaml");
    expect(() => loadConfig({ file: missing, env: {} })).toThrow(missing);
    expect(problems({ text: "push: [1\n" })[0]?.message).toMatch(/line \d+/);
    expect(problems({ text: "- a list" })[0]).toEqual({
      path: "the whole",
      message: "expected object, received array",
    });
  });

  test("two listeners on one port are refused, any free port is not", () => {
    expect(problems({ text: "push: { restPort: 9100 }" })).toEqual([
      { path: "push.restPort", message: "port 9100 is taken by metricsPort" },
    ]);
    expect(problems({ text: "push: { restPort: 0, webSocketPort: 0 }" })).toEqual([]);
  });

  test("a venue twice, a password in a URL and a wrong scheme are refused", () => {
    const venue = "{ id: binance, symbols: [BTC/USDT] }";
    expect(problems({ text: `ingest: { venues: [${venue}, ${venue}] }` })[0]?.path).toBe("ingest.venues[1]");
    expect(problems({ text: "store: { url: 'http://me:secret@db:8123' }" })[0]?.message).toContain("keys of their own");
    expect(problems({ text: "store: { url: 'ftp://db' }" })[0]?.message).toContain("http://");
  });
});

describe("printConfig", () => {
  test("blanks secrets and reads back as the same configuration otherwise", () => {
    const config = loadConfig({ env: { TICKPLANT__STORE__PASSWORD: "hunter2" } });
    const text = printConfig(config);
    expect(text).not.toContain("hunter2");
    const again = loadConfig({ file: yaml(text), env: { TICKPLANT__STORE__PASSWORD: "hunter2" } });
    expect(again).toEqual(config);
  });

  test("blanks keys and addresses with keys in them, in lists too", () => {
    const endpoint = { keys: [{ name: "desk", key: "hunter2hunter2hunter2", exchanges: ["desk"] }] };
    const feeds = [{ symbol: "BTC/USD", proxy: `0x${"ab".repeat(20)}` }];
    const chainlink = [{ rpcUrls: ["https://node.example/v3/hunter2"], feeds }];
    const text = printConfig(loadConfig({ env: {}, overrides: { ingest: { endpoint, oracles: { chainlink } } } }));
    expect(text).not.toContain("hunter2");
    expect(text).toContain("name: desk");
    expect(text).toContain(`0x${"ab".repeat(20)}`);
  });

  test("an endpoint's key is long enough, and writes no venue that ingest takes in itself", () => {
    const ingest = (key: string, exchange: string) => `
ingest:
  venues: [{ id: binance, symbols: [BTC/USDT] }]
  endpoint: { keys: [{ name: desk, key: ${key}, exchanges: [${exchange}] }] }`;
    expect(problems({ text: ingest("short", "desk") })[0]?.message).toContain("at least 16 characters");
    expect(problems({ text: ingest("long-enough-for-a-key", "binance") })).toEqual([
      {
        path: "ingest.endpoint.keys[0].exchanges[0]",
        message: "binance is taken in by ingest itself: give it a name of its own",
      },
    ]);
    expect(problems({ text: ingest("long-enough-for-a-key", "desk") })).toEqual([]);
  });

  test("an engine's stream says what its kind needs", () => {
    const stream = (fields: string, more = "") => `
ingest:
  engines:
    - id: engine
      kafka: { brokers: ["127.0.0.1:9092"] }
      markets: [{ symbol: BTC/USDT, nativeId: BTC, tickSize: "0.01", lotSize: "1" }]
      streams: [{ topic: t, kind: trade, fields: {${fields}}${more} }]`;
    expect(problems({ text: stream("symbol: s, price: p, qty: q, side: x") })).toEqual([]);
    expect(problems({ text: stream("symbol: s, price: p, qty: q") })).toEqual([
      { path: "ingest.engines[0].streams[0].fields.side", message: "a stream of kind trade needs it" },
    ]);
    expect(problems({ text: stream("symbol: s, price: p, qty: q, side: x", ", format: avro") })).toEqual([
      { path: "ingest.engines[0].streams[0].format", message: "avro needs the registry" },
    ]);
    expect(problems({ text: stream("symbol: 's t', price: p, qty: q, side: x") })[0]?.message).toContain("a path such");
  });

  test("a password that is not set is shown as not set", () => {
    expect(printConfig(loadConfig({ env: {} }))).toContain('password: ""');
  });
});

test("docs/configuration.md describes the configuration as it is (renew it with `npx vitest run test/infra/config -u`)", async () => {
  await expect(configReference()).toMatchFileSnapshot("../../../docs/configuration.md");
});
