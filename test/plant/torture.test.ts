import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { partitionOf } from "../../infra/log/partitioner.js";
import { Simulator } from "../../ingest/simulator/server.js";
import { codecsOf, processSettings } from "../../plant/parts.js";
import type { OutputSink } from "../../processors/outbox.js";
import { RawTask } from "../../processors/task/raw-task.js";
import type { Kline } from "../../schemas/messages.js";
import { seeded } from "../infra/seeded.js";
import { missingIn } from "../infra/shipped-alerts.js";
import { Cluster, type Role, type RoleProcess } from "./cluster-rig.js";
import { query } from "./outputs.js";
import { pause, signalGroup, until } from "./plant-process.js";

const seconds = Number(process.env.TICKPLANT_TORTURE_SECONDS ?? 60);
const faultsWanted = Number(process.env.TICKPLANT_TORTURE_FAULTS ?? Math.max(6, Math.round(seconds / 15)));
const natives = ["BTCUSDT", "ETHUSDT"];
const symbols = ["BTC/USDT", "ETH/USDT"];
const exchange = "binance";

const canonical = (text: string) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** Follows books as any client does: a snapshot, increments with sequences, reload at a gap. */
class BookClient {
  readonly books = new Map<string, { bids: Map<string, string>; asks: Map<string, string>; status: string }>();
  isOpen = false;
  /** Closed by the other side before the end. */
  wasClosed = false;
  problems: string[] = [];
  private readonly last = new Map<string, { epoch: number; sequence: number }>();

  constructor(readonly url: string) {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    this.socket = socket;
    socket.on("open", () => {
      this.isOpen = true;
      const channels = symbols.map((symbol) => `depth:${symbol}@${exchange}`);
      socket.send(JSON.stringify({ op: "subscribe", id: 1, channels }));
    });
    socket.on("message", (bytes: Buffer) => this.take(JSON.parse(bytes.toString()) as Envelope));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isOpen = false;
      this.wasClosed = true;
    });
  }
  readonly socket: WebSocket;

  private take({ channel, epoch, sequence, data, op, code }: Envelope): void {
    if (op === "error" && code === "TP_SNAPSHOT_UNAVAILABLE") {
      const ask = { op: "subscribe", id: 2, channels: [channel] };
      setTimeout(() => this.socket.readyState === WebSocket.OPEN && this.socket.send(JSON.stringify(ask)), 1_000);
      return;
    }
    // forget: what follows starts afresh
    if (op === "reload") this.last.delete(channel);
    if (channel === undefined || data === undefined) return;
    const before = this.last.get(channel);
    const isNew = !before || epoch > before.epoch || (epoch === before.epoch && sequence > before.sequence);
    if (!isNew && !data.is_snapshot) return;
    if (before && !data.is_snapshot && (epoch !== before.epoch || sequence !== before.sequence + 1)) {
      this.problems.push(`${channel}: ${before.epoch}/${before.sequence} then ${epoch}/${sequence}`);
    }
    this.last.set(channel, { epoch, sequence });
    const book = data.is_snapshot
      ? { bids: new Map(), asks: new Map(), status: "live" }
      : (this.books.get(channel) ?? { bids: new Map(), asks: new Map(), status: "stale" });
    for (const side of ["bids", "asks"] as const) {
      for (const [price, qty] of data[side]) {
        if (qty === "0") book[side].delete(price);
        else book[side].set(price, qty);
      }
    }
    book.status = data.status;
    this.books.set(channel, book);
  }

  /** What is wrong with a book; undefined when it is the venue's. */
  difference(at: number, truth: { bids: readonly (readonly string[])[]; asks: readonly (readonly string[])[] }) {
    const book = this.books.get(`depth:${symbols[at]}@${exchange}`);
    if (book?.status !== "live") return `${symbols[at]} is ${book?.status} at ${this.url}`;
    for (const side of ["bids", "asks"] as const) {
      const wanted = truth[side];
      if (book[side].size !== wanted.length)
        return `${book[side].size} ${side}, not ${wanted.length}, of ${symbols[at]}`;
      for (const [price, qty] of wanted) {
        if (book[side].get(canonical(price!)) !== canonical(qty!)) return `${side} at ${price} of ${symbols[at]}`;
      }
    }
    return undefined;
  }
}

interface Envelope {
  readonly op?: string;
  readonly code?: string;
  readonly channel: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly data?: {
    readonly is_snapshot: boolean;
    readonly status: string;
    readonly bids: readonly [string, string][];
    readonly asks: readonly [string, string][];
  };
}

describe(`a cluster for ${seconds} s with ${faultsWanted} faults`, () => {
  const random = seeded("torture");
  let cluster: Cluster;
  let simulator: Simulator;
  const clients: BookClient[] = [];
  let serial = 0;
  const journals: string[] = [];
  const done: string[] = [];

  beforeAll(async () => {
    simulator = await Simulator.start({ symbols, rate: 100, keepTrades: "all", paused: true });
    const urls = { restUrl: simulator.url, wsUrl: simulator.wsUrl };
    cluster = await Cluster.start({
      logging: { level: "warn" },
      ingest: { venues: [{ id: exchange, ...urls, symbols, snapshotLevels: 1_000 }], lease: { ttlMs: 2_000 } },
      process: { klineIntervals: ["1m", "5m"], checkpointMs: 1_000 },
      push: { rateLimit: { requestsPerMinute: 1_000_000 } },
    });
    await Promise.all([start("push"), start("process"), start("sink"), start("ingest")]);
    await Promise.all([start("push"), start("process"), start("sink"), start("ingest")]);
    simulator.resume();
    await connectClients();
  }, 300_000);

  afterAll(async () => {
    for (const { socket } of clients) socket.terminate();
    await simulator.stop();
    await cluster.stop();
  }, 120_000);

  async function start(role: Role): Promise<RoleProcess> {
    const name = `${role}-${++serial}`;
    if (role !== "ingest") return cluster.role(role, name);
    const journalFile = join(cluster.folders.folder, `${name}.journal`);
    journals.push(journalFile);
    const { ingest } = cluster.config;
    return cluster.role(role, name, { ingest: { ...ingest, publisher: { ...ingest.publisher, journalFile } } });
  }

  const living = (role?: Role) =>
    [...cluster.roles.values()].filter((one) => !one.process.hasEnded && (role === undefined || one.role === role));

  async function connectClients(): Promise<void> {
    for (const one of living("push")) {
      const { webSocketUrl } = cluster.urls(one);
      if (clients.some(({ url, isOpen }) => url === webSocketUrl && isOpen)) continue;
      const client = new BookClient(webSocketUrl);
      clients.push(client);
      await until(() => client.isOpen || client.wasClosed, "a client connects");
    }
  }

  /** What a role lost it gets again, as a supervisor does. */
  async function mend(): Promise<void> {
    for (const role of ["ingest", "process", "sink", "push"] as const) {
      while (living(role).length < 2) await start(role).catch(() => pause(500));
    }
    await connectClients();
  }

  const pick = <Value>(all: readonly Value[]): Value => all[random(all.length)]!;
  const faults: Record<string, () => Promise<string>> = {
    "kill a role": async () => {
      const one = pick(living());
      await one.process.kill();
      return one.name;
    },
    "pause a role past its session": async () => {
      const one = pick([...living("process"), ...living("ingest"), ...living("sink")]);
      signalGroup(one.process.child.pid!, "SIGSTOP");
      await pause(4_500 + random(2_000));
      signalGroup(one.process.child.pid!, "SIGCONT");
      return one.name;
    },
    "kill the broker": async () => {
      await cluster.kafka.kill();
      await pause(random(1_000));
      await cluster.kafka.start();
      return "";
    },
    "kill Redis": async () => {
      await cluster.redis.kill();
      await pause(random(3_000));
      await cluster.redis.start();
      return "";
    },
    "kill the store": async () => {
      process.kill(cluster.store.pid!, "SIGKILL");
      return "";
    },
    "add a process": async () => {
      const role = pick(["process", "sink", "ingest", "push"] as const);
      try {
        return (await start(role)).name;
      } catch (error) {
        // what it needs is away since the fault before: it says so and ends, and whoever watches over it starts it again
        if (!/TP_\w+_UNAVAILABLE/.test(String(error))) throw error;
        return `${role}, which had to wait`;
      }
    },
    "stop a process": async () => {
      const one = pick([...living("process"), ...living("sink"), ...living("ingest")]);
      one.process.interrupt();
      await one.process.ended;
      return one.name;
    },
  };

  async function klinesStored(): Promise<Map<string, string>> {
    const sql =
      "SELECT exchange, symbol, interval, toUnixTimestamp64Micro(open_time), toString(open), toString(high), toString(low), " +
      "toString(close), toString(volume), toString(quote_volume), trade_count, toString(taker_buy_volume), is_closed " +
      "FROM tickplant.klines ORDER BY ALL FORMAT TSV";
    const rows = (await query(cluster.config.store.url!, sql)).trimEnd().split("\n").filter(Boolean);
    return new Map(rows.map((row) => [row.split("\t").slice(0, 4).join(" "), row.split("\t").slice(4).join(" ")]));
  }

  /** The K-lines that an undisturbed run makes of the same log. */
  async function klinesUndisturbed(): Promise<Map<string, string>> {
    const log = await cluster.openLog();
    const codecs = await codecsOf(cluster.config);
    const newest = new Map<string, Kline>();
    const settings = processSettings(cluster.config);
    const sink: OutputSink = {
      channels: false,
      texts: false,
      record({ topic }, value) {
        if (topic !== "market.kline") return;
        const kline = codecs[topic].decode(value);
        newest.set([kline.exchange, kline.symbol, kline.interval, kline.open_time].join(" "), kline);
      },
      message() {},
    };
    for (let partition = 0; partition < log.partitions("market.raw"); partition++) {
      const of = (key: string) => partitionOf(key, settings.partitions);
      const task = new RawTask({ partition, settings, codecs, sink, partitionOf: of });
      for await (const records of log.readToEnd("market.raw", partition, 0, 1 << 20)) {
        for (const { value, offset } of records) task.process(value, offset);
      }
    }
    await log.close();
    return new Map(
      [...newest].map(([name, k]) => [
        name,
        [k.open, k.high, k.low, k.close, k.volume, k.quote_volume, k.trade_count, k.taker_buy_volume, k.is_closed].join(
          " ",
        ),
      ]),
    );
  }

  function journalled(): Set<string> {
    const ids = new Set<string>();
    for (const file of journals) {
      for (const line of readFileSync(file, "utf8").split("\n")) if (line !== "") ids.add(line);
    }
    return ids;
  }

  it("its roles together export every metric and label that an alert asks for", async () => {
    // the last of these begin with a dead letter and a late stream
    const elsewhere = ["tickplant_oracle_stale", "mq_dead_letter_messages_total", "tickplant_stream_late"];
    let missing: string[] = [];
    await until(
      async () => {
        const texts = living().map(async ({ healthUrl }) => (await fetch(`${healthUrl}/metrics`)).text());
        missing = missingIn(await Promise.all(texts), elsewhere);
        return missing.length === 0;
      },
      () => `every metric: ${missing.join(", ")}`,
    );
  });

  it(
    "loses nothing that was acknowledged, doubles nothing, and ends with the venue's books and an undisturbed run's K-lines",
    async () => {
      const begun = performance.now();
      const names = Object.keys(faults);
      while (done.length < faultsWanted || performance.now() - begun < seconds * 1_000) {
        // each kind once before any comes again
        const fault = done.length < names.length ? names[done.length]! : pick(names);
        const at = Math.round((performance.now() - begun) / 1_000);
        const what = await faults[fault]!();
        done.push(`${at} s: ${fault} ${what}`);
        await pause(random(Math.max(500, (seconds * 1_000) / faultsWanted - 4_000)));
        await mend();
      }
      console.log(`${done.length} faults in ${Math.round((performance.now() - begun) / 1_000)} s\n${done.join("\n")}`);
      simulator.pause();

      const differences = () => {
        const open = clients.filter(({ isOpen }) => isOpen);
        if (open.length < 2) return `${open.length} clients are connected`;
        for (const client of open) {
          for (const at of natives.keys()) {
            const difference = client.difference(at, simulator.book(natives[at]!));
            if (difference) return difference;
          }
        }
        return undefined;
      };
      let last: string | undefined;
      await until(
        () => {
          last = differences();
          return last === undefined;
        },
        () => `right books: ${last}`,
        120_000,
      );
      const acknowledged = journalled();
      const missing = async () => {
        const sql = `SELECT exchange, symbol, trade_id FROM tickplant.trades FORMAT TSV`;
        const stored = new Set((await query(cluster.config.store.url!, sql)).split("\n"));
        return [...acknowledged].filter((line) => !stored.has(line)).length;
      };
      let left = -1;
      await until(
        async () => {
          left = await missing();
          return left === 0;
        },
        () => `${left} of ${acknowledged.size} acknowledged trades are not stored`,
        120_000,
      );
      const doubled = await query(
        cluster.config.store.url!,
        "SELECT exchange, symbol, trade_id, count() FROM tickplant.trades GROUP BY ALL HAVING count() > 1 LIMIT 5 FORMAT TSV",
      );
      expect(doubled).toBe("");
      let wrong: string | undefined;
      await until(
        async () => {
          const [stored, wanted] = [await klinesStored(), await klinesUndisturbed()];
          wrong = undefined;
          for (const [name, kline] of wanted) {
            if (stored.get(name) !== kline) wrong = `${name}: ${stored.get(name)}, not ${kline}`;
          }
          return wrong === undefined && stored.size === wanted.size;
        },
        () => `K-lines: ${wrong}`,
        120_000,
      );
      expect(clients.flatMap(({ problems }) => problems)).toEqual([]);
      const venue = natives.reduce((sum, native) => sum + simulator.trades(native).length, 0);
      console.log(`${acknowledged.size} acknowledged trades, each stored once; the venue made ${venue}`);
    },
    (seconds + 900) * 1_000,
  );
});
