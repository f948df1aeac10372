import { connect as connectTcp, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { AbstractConnector } from "ioredis";
import type { RedisConfig } from "../config/services-config.js";
import { type Address, addressOf } from "./address.js";
import { askNode } from "./ask-node.js";

type SentinelsConfig = NonNullable<RedisConfig["sentinels"]>;

const answerMs = 1500;
const againMs = 500;
const disconnectMs = 200;

/** What one sentinel knows of the primary. */
interface Known extends Address {
  /** Grows with every fail-over that the sentinels agreed on. */
  readonly epoch: number;
}

/**
 * Where the primary is: of what the sentinels that answer say, the word of the highest configuration epoch, since one
 * that was cut off together with an old primary goes on naming that.
 * https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#configuration-epochs
 *
 * @throws Error when none of them answers, or none knows the name
 */
export async function primaryOf(sentinels: SentinelsConfig): Promise<Address> {
  const asked = await Promise.allSettled(sentinels.nodes.map((node) => ask(sentinels, addressOf(node))));
  const known = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (known.length > 0) return known.reduce((best, one) => (one.epoch > best.epoch ? one : best));
  const [first] = asked.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
  throw new Error(`no sentinel says where ${sentinels.name} is: ${first?.message}`);
}

async function ask(sentinels: SentinelsConfig, address: Address): Promise<Known> {
  try {
    return await askNode(address, sentinels, answerMs, async (client) => {
      const fields = (await client.call("SENTINEL", "MASTER", sentinels.name)) as string[] | Record<string, string>;
      const field = (key: string) => (Array.isArray(fields) ? fields[fields.indexOf(key) + 1] : fields[key]);
      const known = { host: String(field("ip")), port: Number(field("port")), epoch: Number(field("config-epoch")) };
      if (!Number.isInteger(known.port)) throw new Error("its answer has no address");
      return known;
    });
  } catch (error) {
    throw new Error(`sentinel ${address.host}:${address.port}: ${(error as Error).message}`, { cause: error });
  }
}

/** Connects to the primary that the sentinels name, and asks them anew at each connection. */
export function primaryConnector(sentinels: SentinelsConfig, tls: ConnectionOptions | undefined) {
  return class extends AbstractConnector {
    constructor() {
      super(disconnectMs);
    }

    // without an address there is no stream yet whose end would bring the next attempt
    override async connect(emit: (type: string, error: Error) => void): Promise<Socket> {
      this.connecting = true;
      for (;;) {
        const primary = await primaryOf(sentinels).catch((error: Error) => {
          emit("error", error);
          return undefined;
        });
        if (!this.connecting) throw new Error("Connection is closed.");
        if (primary === undefined) await wait(againMs);
        else {
          const stream = tls === undefined ? connectTcp(primary) : connectTls({ ...primary, ...tls });
          stream.once("error", (error) => {
            this.firstError = error;
          });
          this.stream = stream;
          return stream;
        }
        if (!this.connecting) throw new Error("Connection is closed.");
      }
    }
  };
}
