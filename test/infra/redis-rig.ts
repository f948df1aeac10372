import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { Redis } from "ioredis";
import { RedisBus } from "../../infra/bus/redis-bus.js";
import { type ConfigOverrides, loadConfig } from "../../infra/config/load-config.js";
import { LeaseKeeper } from "../../infra/lease/lease-keeper.js";
import { RedisLeases } from "../../infra/lease/redis-leases.js";
import { connectRedis, type RedisConnection } from "../../infra/redis/connection.js";
import { type RedisHandle, startRedis } from "../../scripts/services/redis.mjs";
import { Listener } from "../conformance/bus-contract.js";
import { message } from "../push/messages.js";
import { testLogger } from "./kafka-rig.js";

type Redises = NonNullable<NonNullable<ConfigOverrides["bus"]>["redis"]>;

/** A primary with its replica, which has all of it. */
export async function primaryAndReplica(args: readonly string[] = []): Promise<[RedisHandle, RedisHandle]> {
  const quick = ["--repl-diskless-sync-delay", "0", ...args];
  const primary = await startRedis({ args: quick });
  const replica = await startRedis({ args: [...quick, "--replicaof", "127.0.0.1", `${primary.port}`] });
  await follows(replica.port);
  return [primary, replica];
}

/** Waits until a replica has all that its primary had. */
export async function follows(port: number): Promise<void> {
  while (!/master_link_status:up/.test(await ask(port, (client) => client.info("replication")))) await wait(50);
}

export async function ask<Answer>(port: number, question: (client: Redis) => Promise<Answer>): Promise<Answer> {
  const client = new Redis(port, "127.0.0.1");
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

/** How many connections of the plant a server has, those apart that only look. */
export async function connectionsAt(port: number): Promise<number> {
  const list = await ask(port, (client) => client.client("LIST") as Promise<string>);
  return list.split("\n").filter((line) => /name=tickplant-(?:bus|leases)/.test(line)).length;
}

/**
 * What the roles have of Redis: a bus of a processor, which publishes all the time, a bus of push, which listens and reads,
 * and the leases of two ingest processes.
 */
export class Traffic {
  readonly channels: readonly string[];
  readonly listener = new Listener();
  readonly acknowledged = new Map<string, number>();
  published = 0;
  /** When a publish was acknowledged last, by performance.now(). */
  acknowledgedAt = 0;
  /** Times, in ms, for which two keepers took the same name for theirs. */
  twoOwnersMs = 0;
  #stopped = false;
  #publishing: Promise<void> | undefined;
  #watch: NodeJS.Timeout | undefined;

  private constructor(
    readonly out: RedisBus,
    readonly push: RedisBus,
    readonly keepers: readonly LeaseKeeper[],
    readonly connections: readonly RedisConnection[],
    readonly leaseName: string,
    channels: number,
  ) {
    this.channels = Array.from({ length: channels }, (_, i) => `trade:${randomUUID().slice(0, 8)}-${i}/USDT`);
  }

  static async start(redis: Redises, channels = 6): Promise<Traffic> {
    const { bus } = loadConfig({ env: {}, overrides: { bus: { redis } } });
    const settings = { redis: bus.redis!, namespace: "", lastValueHours: 1, logger: testLogger };
    const [out, push] = await Promise.all([RedisBus.connect(settings), RedisBus.connect(settings)]);
    const connections = await Promise.all(
      [1, 2].map(() => connectRedis({ redis: bus.redis!, logger: testLogger, purpose: "leases" })),
    );
    const leaseName = `binance|trade|${randomUUID()}`;
    const namespace = randomUUID().slice(0, 8);
    const keepers = connections.map(
      (connection, i) =>
        new LeaseKeeper({
          leases: new RedisLeases(connection, namespace),
          owner: `owner-${i}`,
          names: [leaseName],
          ttlMs: 3000,
          progressOf: () => "",
          changed: () => {},
          logger: testLogger,
        }),
    );
    const traffic = new Traffic(out, push, keepers, connections, leaseName, channels);
    const subscription = await push.subscribe(traffic.listener);
    await Promise.all(traffic.channels.map((channel) => subscription.add(channel)));
    for (const keeper of keepers) keeper.start();
    while (traffic.owners() !== 1) await wait(20);
    traffic.#publishing = traffic.#publish();
    let before = performance.now();
    traffic.#watch = setInterval(() => {
      const now = performance.now();
      if (traffic.owners() > 1) traffic.twoOwnersMs += now - before;
      before = now;
    }, 5);
    return traffic;
  }

  /** Keepers that take the name for theirs. */
  owners(): number {
    return this.keepers.filter((keeper) => keeper.token(this.leaseName) !== undefined).length;
  }

  tokens(): number[] {
    return this.keepers.flatMap((keeper) => keeper.token(this.leaseName) ?? []);
  }

  get heard(): number {
    return this.listener.heard.length;
  }

  /**
   * Waits until all goes on after a moment: publishes are acknowledged, push hears what was published later than that and
   * reads the newest of it, one keeper has the lease, and nobody says that he can not write.
   *
   * @returns seconds from the moment
   */
  async goesOn(since = performance.now(), withinMs = 60_000): Promise<number> {
    const from = this.published;
    const end = performance.now() + withinMs;
    const missing = async (): Promise<string | undefined> => {
      if (this.acknowledgedAt < since || this.published < from + 3) return "publishes are not acknowledged";
      const mark = new Map(this.acknowledged);
      for (const [channel, sequence] of mark) {
        if (!this.#hears(channel, sequence)) return `push has not heard ${sequence} of ${channel}`;
        const last = await this.push.last(channel).catch(() => undefined);
        if (last === undefined || last.sequence < sequence) return `push reads old values of ${channel}`;
      }
      if (this.owners() !== 1) return `${this.owners()} keepers have the lease`;
      const states = [this.out.state, this.push.state, ...this.keepers.map(({ state }) => state)];
      return states.find(({ writable }) => !writable)?.why;
    };
    for (;;) {
      const why = await missing();
      if (why === undefined) return (performance.now() - since) / 1000;
      if (performance.now() > end) throw new Error(`it does not go on: ${why}`);
      await wait(20);
    }
  }

  #hears(channel: string, sequence: number): boolean {
    const { heard } = this.listener;
    for (let at = heard.length - 1; at >= 0; at--) {
      if (heard[at]!.channel === channel) return heard[at]!.sequence >= sequence;
    }
    return false;
  }

  /** Values that were acknowledged and are not the newest that stands, after the traffic has ended. */
  async lost(): Promise<number> {
    let lost = 0;
    for (const [channel, sequence] of this.acknowledged) {
      const last = await this.push.last(channel);
      lost += sequence - (last?.sequence ?? 0);
    }
    return lost;
  }

  /** Messages that push heard more than once, as readers drop them by their numbers. */
  get doubled(): number {
    const seen = new Set(this.listener.heard.map(({ channel, sequence }) => `${channel} ${sequence}`));
    return this.listener.heard.length - seen.size;
  }

  async endPublishing(): Promise<void> {
    this.#stopped = true;
    await this.#publishing;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#watch);
    await Promise.all(this.keepers.map((keeper) => keeper.stop()));
    await Promise.all([this.out.close(), this.push.close()]);
    for (const { client } of this.connections) client.disconnect();
    await this.#publishing?.catch(() => {});
  }

  async #publish(): Promise<void> {
    for (let sequence = 1; !this.#stopped; sequence++) {
      const lot = this.channels.map((channel) => message(channel, sequence, "event", { price: "1" }));
      await this.out.publish(lot);
      this.acknowledgedAt = performance.now();
      for (const channel of this.channels) this.acknowledged.set(channel, sequence);
      this.published += lot.length;
      await wait(5);
    }
  }
}
