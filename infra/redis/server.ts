import type { Redis } from "ioredis";

/** What a server says of itself. */
export interface ServerState {
  /** Of this run of it; empty where it is not told. */
  readonly runId: string;
  /** A replica serves reads and refuses writes. */
  readonly isReplica: boolean;
  readonly isLoading: boolean;
}

/** @throws Error when it does not answer, or not to this user (NOPERM) */
export async function askServer(client: Redis): Promise<ServerState> {
  const [server, replication, persistence] = await Promise.all(
    ["server", "replication", "persistence"].map((section) => client.info(section)),
  );
  return {
    runId: field(server!, "run_id"),
    isReplica: field(replication!, "role") === "slave",
    isLoading: field(persistence!, "loading") === "1",
  };
}

const field = (text: string, name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(text)?.[1] ?? "";
