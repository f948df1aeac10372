import { Redis } from "ioredis";
import type { RedisConfig } from "../config/services-config.js";
import { tlsOptions } from "../config/tls-options.js";
import type { Address } from "./address.js";

/**
 * Asks one server of Redis, or one sentinel, and never again: over a connection of its own that ends with the answer.
 *
 * @param deadlineMs for all of it, a handshake that nobody answers included
 * @throws what the server refused with, or why it could not be asked
 */
export async function askNode<Answer>(
  address: Address,
  { user, password, tls }: Pick<RedisConfig, "user" | "password" | "tls">,
  deadlineMs: number,
  ask: (client: Redis) => Promise<Answer>,
): Promise<Answer> {
  const client = new Redis({
    ...address,
    ...(user !== "" && { username: user }),
    ...(password !== "" && { password }),
    ...(tls && { tls: tlsOptions(tls) }),
    lazyConnect: true,
    connectionName: "tickplant-question",
    connectTimeout: deadlineMs,
    commandTimeout: deadlineMs,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  let refused: Error | undefined;
  client.on("error", (error: Error) => {
    refused ??= error;
  });
  // ioredis's commandTimeout does not cover a handshake that nobody answers
  const late = setTimeout(() => {
    refused ??= new Error(`no answer within ${deadlineMs} ms`);
    client.disconnect();
  }, deadlineMs);
  try {
    await client.connect();
    return await ask(client);
  } catch (error) {
    throw refused ?? error;
  } finally {
    clearTimeout(late);
    client.disconnect();
  }
}
