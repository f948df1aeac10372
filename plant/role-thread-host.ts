import { Worker } from "node:worker_threads";
import { entryPoint } from "../infra/entry-point.js";
import { PlantError } from "../infra/errors.js";
import type { Condition, HeldCondition } from "../infra/health.js";
import type { FromRoleThread, RoleThreadData, ToRoleThread } from "./role-thread-contract.js";

const STOP_DEADLINE_MS = 4_000;
const METRICS_DEADLINE_MS = 2_000;
const LAG_DEADLINE_MS = 30_000;
/** Without a sign of it for so long a role's thread is held up, and beyond repair after the other. */
const SILENT_MS = 5_000;
const STUCK_MS = 60_000;
/** What a tick leaves behind lives for a batch: most of it should be gone before it is looked at. */
const YOUNG_MB = 192;

/**
 * A role in a thread of its own could not start, or can not go on; the message says why. The plant stops then with what
 * it has: mend the cause and start it again, it goes on from its last checkpoint.
 */
export class RoleFailed extends PlantError {
  constructor(role: string, message: string) {
    super("TP_ROLE_FAILED", `the ${role} role: ${message}`);
  }
}

/** One role in a worker thread. */
export class RoleThread {
  readonly #worker: Worker;
  readonly #asked = new Map<number, (json: unknown) => void>();
  readonly #ended: Promise<void>;
  #nextId = 0;
  #stopping = false;
  #conditions: readonly HeldCondition[] = [];
  #heardAt = performance.now();
  /** Rejects when the role can not go on; never resolves. */
  readonly failed: Promise<never>;
  #fail: (error: Error) => void = () => {};

  private constructor(readonly data: RoleThreadData) {
    const { busPort } = data;
    this.#worker = new Worker(entryPoint("plant/role-thread.js"), {
      workerData: data,
      transferList: busPort === undefined ? [] : [busPort],
      stderr: false,
      stdout: false,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
    this.#ended = new Promise((resolve) => this.#worker.once("exit", () => resolve()));
    this.#worker.on("error", (error) => this.#fail(new RoleFailed(data.role, error.message)));
    this.#worker.on("exit", (code) => {
      if (!this.#stopping) this.#fail(new RoleFailed(data.role, `its thread ended (code ${code})`));
    });
    this.#worker.on("message", (message: FromRoleThread) => this.#hear(message));
  }

  /** Starts the role; resolves when it runs. @throws RoleFailed */
  static async start(data: RoleThreadData): Promise<RoleThread> {
    const thread = new RoleThread(data);
    await Promise.race([thread.#ready, thread.failed]);
    return thread;
  }

  #setReady: () => void = () => {};
  readonly #ready = new Promise<void>((resolve) => {
    this.#setReady = resolve;
  });

  #hear(message: FromRoleThread): void {
    this.#heardAt = performance.now();
    if (message.say === "ready") this.#setReady();
    else if (message.say === "health") this.#conditions = message.conditions;
    else if (message.say === "failed") this.#fail(new RoleFailed(this.data.role, message.message));
    else if (message.say === "answer") {
      this.#asked.get(message.id)?.(message.answer);
      this.#asked.delete(message.id);
    }
  }

  /** How the role is, by its own words and by its silence. */
  conditions(): (Condition | HeldCondition)[] {
    const silentMs = performance.now() - this.#heardAt;
    if (silentMs < SILENT_MS || this.#stopping) return [...this.#conditions];
    const { role } = this.data;
    const reason = `the thread of the ${role} role has not answered for ${Math.round(silentMs / 1000)} s`;
    return [
      ...this.#conditions,
      { name: "thread_silent", subject: role, reason, severity: "not_ready", stuckAfterMs: STUCK_MS - SILENT_MS },
    ];
  }

  /** The thread's metrics as prom-client's JSON; undefined when it does not answer in time. */
  async metrics(): Promise<unknown> {
    return this.#ask("metrics", METRICS_DEADLINE_MS);
  }

  /** Records that wait for the role. */
  async lag(): Promise<number> {
    return ((await this.#ask("lag", LAG_DEADLINE_MS)) as number | undefined) ?? Number.POSITIVE_INFINITY;
  }

  #ask(ask: "metrics" | "lag", deadlineMs: number): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const deadline = setTimeout(() => {
        this.#asked.delete(id);
        resolve(undefined);
      }, deadlineMs);
      this.#asked.set(id, (answer) => {
        clearTimeout(deadline);
        resolve(answer);
      });
      this.#tell({ ask, id });
    });
  }

  /** Lets the role finish what it holds; ends the thread when it does not in time. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#tell({ ask: "stop" });
    const deadline = setTimeout(() => void this.#worker.terminate(), STOP_DEADLINE_MS);
    await this.#ended;
    clearTimeout(deadline);
  }

  #tell(message: ToRoleThread): void {
    this.#worker.postMessage(message);
  }
}
