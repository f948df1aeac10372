import type { Condition } from "../../infra/health.js";
import type { Logger } from "../../infra/logging.js";
import type { Metrics } from "../../infra/metrics.js";
import type { Host } from "../role-host.js";
import type { PushAddresses, RoleThreadData } from "../role-thread-contract.js";

/** What a role is started with in its thread. */
export interface RoleParts {
  readonly data: RoleThreadData;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly host: Host;
}

/** A role that runs. */
export interface RunningRole {
  /** Rejects when it can not go on; never resolves. */
  readonly failed: Promise<never>;
  /** Of push. */
  readonly addresses?: PushAddresses;
  /** Records that wait for the role. */
  lag(): Promise<number>;
  /** What keeps it from what it is for. */
  conditions(): Condition[];
  stop(): Promise<void>;
}
