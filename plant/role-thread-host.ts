import { Worker } from "node:worker_threads";
import { endAtOnce } from "../infra/end-at-once.js";
import { entryPoint } from "../infra/entry-point.js";
import { PlantError } from "../infra/errors.js";
import type { Condition, HeldCondition } from "../infra/health.js";
import type {
  FromRoleThread,
  HostQuestion,
  PushAddresses,
  Refusal,
  RoleThreadData,
  ToRoleThread,
} from "./role-thread-contract.js";

/** Together with the store they stay below five seconds, also when the store hangs. Push has nothing to write. */
const STOP_DEADLINE_MS = { push: 1_000, process: 4_000, sink: 2_500 } as const;
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

/** What starts in a thread failed there with a code of its own, which tells more than that a role failed. */
class StartFailed extends PlantError {}

/** Answers what a thread asks the rest of the plant. */
export type HostAnswers = (question: HostQuestion) => Promise<unknown>;

/** One role in a worker thread. */
export class RoleThread {
  readonly #worker: Worker;
  readonly #asked = new Map<number, (json: unknown) => void>();
  readonly #ended: Promise<void>;
  #nextId = 0;
  #stopping = false;
  #conditions: readonly HeldCondition[] = [];
  #heardAt = performance.now();
  #metrics: unknown;
  /** Rejects when the role can not go on; never resolves. */
  readonly failed: Promise<never>;
  #fail: (error: Error) => void = () => {};
  /** Of push. */
  addresses: PushAddresses | undefined;

  private constructor(
    readonly data: RoleThreadData,
    private readonly answers: HostAnswers,
  ) {
    const { role, busPort, hubPorts = [] } = data;
    this.#worker = new Worker(entryPoint("plant/role-thread.js"), {
      workerData: data,
      transferList: busPort === undefined ? [...hubPorts] : [...hubPorts, busPort],
      stderr: false,
      stdout: false,
      // push has no ticks: its clients' messages are few and small
      ...(role !== "push" && { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } }),
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
  static async start(data: RoleThreadData, answers: HostAnswers = nothingKnown): Promise<RoleThread> {
    const thread = new RoleThread(data, answers);
    await Promise.race([thread.#ready, thread.failed]);
    return thread;
  }

  #setReady: () => void = () => {};
  readonly #ready = new Promise<void>((resolve) => {
    this.#setReady = resolve;
  });

  #hear(message: FromRoleThread): void {
    this.#heardAt = performance.now();
    if ("ask" in message) void this.#answer(message.id, message.question);
    else if (message.say === "ready") {
      this.addresses = message.addresses;
      this.#setReady();
    } else if (message.say === "health") this.#conditions = message.conditions;
    else if (message.say === "failed") {
      const { code, message: text } = message;
      this.#fail(code === undefined ? new RoleFailed(this.data.role, text) : new StartFailed(code, text));
    } else if (message.say === "answer") {
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

  async #answer(id: number, question: HostQuestion): Promise<void> {
    try {
      this.#tell({ say: "answer", id, answer: await this.answers(question) });
    } catch (error) {
      this.#tell({ say: "refusal", id, refusal: refusalOf(error) });
    }
  }

  /**
   * The thread's metrics as prom-client's JSON. One that does not answer in time is as it last was: without it counters
   * of all threads would fall and rise again, which is growth to Prometheus. Undefined before its first answer.
   */
  async metrics(): Promise<unknown> {
    this.#metrics = (await this.#ask("metrics", METRICS_DEADLINE_MS)) ?? this.#metrics;
    return this.#metrics;
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

  /** Lets the role finish what it holds; ends the thread when it does not in time, or goes on without its end. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#tell({ ask: "stop" });
    let late = () => {};
    const inVain = new Promise<void>((resolve) => {
      late = resolve;
    });
    const deadline = setTimeout(() => this.#giveUp(late), STOP_DEADLINE_MS[this.data.role]);
    await Promise.race([this.#ended, inVain]);
    clearTimeout(deadline);
  }

  #giveUp(late: () => void): void {
    if (this.data.role !== "push") {
      void this.#worker.terminate();
      return;
    }
    // Node aborts the whole process over a thread whose WebSocket server still listens: that comes after all else
    this.#worker.unref();
    process.once("exit", endAtOnce);
    void this.#ended.then(() => process.off("exit", endAtOnce));
    late();
  }

  #tell(message: ToRoleThread): void {
    this.#worker.postMessage(message);
  }
}

const nothingKnown: HostAnswers = async ({ of }) => {
  throw new Error(`nobody here answers what ${of} is`);
};

function refusalOf(error: unknown): Refusal {
  const { message, code, status, retryAfter } = error as Error & Partial<Refusal>;
  return { message, ...(error instanceof PlantError && { code }), status, retryAfter };
}
