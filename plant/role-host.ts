import { PlantError } from "../infra/errors.js";
import type { FromRoleThread, HostQuestion, Refusal, ToRoleThread } from "./role-thread-contract.js";

/** The rest of the plant refused what this thread asked for; code and status are the refusal's own. */
export class HostRefused extends PlantError {
  readonly status: number;
  readonly retryAfter: number | undefined;

  constructor(code: `TP_${string}`, { message, status = 500, retryAfter }: Refusal) {
    super(code, message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The main thread did not answer in time. */
export class HostSilent extends PlantError {
  readonly status = 503;
  readonly retryAfter = 5;

  constructor(of: HostQuestion["of"], ms: number) {
    super("TP_HOST_SILENT", `the main thread did not say within ${ms} ms what ${of} is: it is overloaded or stuck`);
  }
}

/** The rest of the plant, as a role's thread sees it: answers questions. */
export class Host {
  readonly #asked = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  #nextId = 0;

  constructor(private readonly tell: (message: FromRoleThread) => void) {}

  /** @throws HostRefused, HostSilent */
  ask(question: HostQuestion, deadlineMs: number): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#asked.delete(id);
        reject(new HostSilent(question.of, deadlineMs));
      }, deadlineMs);
      const done = () => {
        clearTimeout(deadline);
        this.#asked.delete(id);
      };
      this.#asked.set(id, {
        resolve: (answer) => {
          done();
          resolve(answer);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      this.tell({ ask: "host", id, question });
    });
  }

  hear(message: Extract<ToRoleThread, { say: string }>): void {
    const asked = this.#asked.get(message.id);
    if (message.say === "answer") asked?.resolve(message.answer);
    else asked?.reject(errorOf(message.refusal));
  }
}

const errorOf = (refusal: Refusal): Error =>
  refusal.code === undefined ? new Error(refusal.message) : new HostRefused(refusal.code, refusal);
