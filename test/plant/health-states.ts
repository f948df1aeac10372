import { Redis } from "ioredis";
import type { Role } from "./cluster-rig.js";
import type { HealthRig } from "./health-rig.js";
import { freePort } from "./plant-process.js";

/** What a role's /readyz is to say: in words, and whether it is not ready or it is worth a note. */
export interface Expected {
  readonly says: RegExp;
  readonly ready: boolean;
}

/** Something that may be wrong with a cluster, made and mended with the real parts. */
export interface State {
  readonly name: string;
  /** A condition by which an alert tells it. */
  readonly condition: RegExp;
  /** What has to hold before it begins. */
  prepare?(rig: HealthRig): unknown;
  begin(rig: HealthRig): unknown;
  end(rig: HealthRig): unknown;
  readonly roles: Readonly<Record<Role, Expected>>;
  /** What the page's banner and a WebSocket client say. */
  readonly page: RegExp;
  readonly client: RegExp;
}

const not = (says: RegExp): Expected => ({ says, ready: false });
const note = (says: RegExp): Expected => ({ says, ready: true });

const ofLog = {
  condition: /^log_not_(readable|writable)$/,
  roles: {
    ingest: not(/^the log has taken nothing of market\.raw for \d+ s: /),
    process: not(/^the log does not answer: /),
    sink: not(/^the log does not answer: /),
    push: not(/^partitions that stand still for \d+ s: \d/),
  },
  page: /partition \d stands still/,
  client: /^partition \d stands still$/,
};

const redisAway = /Redis (does not take writes|does not answer|does not renew them)|^no lease is held/;
const ofRedis = {
  condition: /^bus_not_writable$/,
  roles: {
    ingest: not(/^no lease is held: Redis does not renew them/),
    process: not(/^Redis does not take writes: /),
    sink: note(/^Redis does not take writes: /),
    push: not(redisAway),
  },
  page: /partition \d stands still|Redis/,
  client: /^partition \d stands still$|Redis/,
};

const ofStore = {
  condition: /^store_(unreachable|not_writable)$/,
  roles: {
    ingest: note(/^the store does not answer: /),
    process: note(/^the store does not answer: /),
    sink: not(/^the store (does not answer|has taken no rows for \d+ s): /),
    push: not(/^the store does not answer: /),
  },
  page: /the store does not answer/,
  client: /^the store does not answer: /,
};

async function command(rig: HealthRig, ...words: string[]): Promise<void> {
  const redis = new Redis(`redis://${rig.cluster.redis.address}`);
  try {
    await redis.call(words[0]!, ...words.slice(1));
  } finally {
    redis.disconnect();
  }
}

export const states: readonly State[] = [
  {
    name: "log frozen",
    begin: (rig) => rig.cluster.kafka.pause(),
    end: (rig) => rig.cluster.kafka.resume(),
    ...ofLog,
  },
  {
    name: "log gone",
    begin: (rig) => rig.cluster.kafka.kill(),
    end: (rig) => rig.cluster.kafka.start(),
    ...ofLog,
  },
  {
    name: "Redis gone",
    begin: (rig) => rig.cluster.redis.kill(),
    end: (rig) => rig.cluster.redis.start(),
    ...ofRedis,
  },
  {
    name: "Redis read-only",
    begin: async (rig) => command(rig, "REPLICAOF", "127.0.0.1", String(await freePort())),
    end: (rig) => command(rig, "REPLICAOF", "NO", "ONE"),
    ...ofRedis,
  },
  {
    name: "store gone",
    begin: (rig) => rig.cluster.store.stop(),
    end: (rig) => rig.cluster.startStore(),
    ...ofStore,
  },
  {
    name: "store hung",
    begin: (rig) => rig.hangStore(),
    end: (rig) => rig.resumeStore(),
    ...ofStore,
  },
  {
    name: "feed silent",
    condition: /^feed_(silent|ill)$/,
    prepare: (rig) => rig.streamsAreKnown(),
    begin: (rig) => (rig.exchange.mood.silent = () => true),
    end: (rig) => (rig.exchange.mood.silent = () => false),
    roles: {
      ingest: not(/^binance \(market-1\) is connected and has brought nothing for \d+ s$/),
      process: not(/^binance \(market-1\): silent$/),
      sink: not(/^binance \(market-1\): silent$/),
      push: not(/^binance: silent$/),
    },
    page: /binance: silent/,
    client: /^binance: silent$/,
  },
  {
    name: "subscription refused",
    condition: /^subscription_refused$/,
    begin(rig) {
      rig.exchange.mood.refuses = (stream) => stream === "newusdt@trade";
      rig.exchange.drop();
    },
    end: (rig) => (rig.exchange.mood.refuses = () => false),
    roles: {
      ingest: not(/^binance refuses newusdt@trade: no such stream \(code 2\)$/),
      process: note(/trade of NEW\/USDT at binance \(refused\)/),
      sink: note(/trade of NEW\/USDT at binance \(refused\)/),
      push: note(/trade of NEW\/USDT at binance \(refused\)/),
    },
    page: /binance trade: refused/,
    client: /^binance trade: refused$/,
  },
  {
    name: "clock 6 s off",
    condition: /^clock_off$/,
    begin: (rig) => (rig.exchange.mood.aheadMs = 6_000),
    end: (rig) => (rig.exchange.mood.aheadMs = 0),
    roles: {
      ingest: not(/^the clock is \d+ ms behind binance's/),
      process: not(/^binance \(market-1\): clock off$/),
      sink: not(/^binance \(market-1\): clock off$/),
      push: not(/^binance: clock off$/),
    },
    page: /binance: clock off/,
    client: /^binance: clock off$/,
  },
];

export const stateOf = (name: string): State => states.find((state) => state.name === name)!;
