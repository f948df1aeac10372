import { type CloseReason, closeReasons, type ErrorCode } from "./protocol.js";
import type { PushSettings } from "./settings.js";
import type { Turns } from "./turns.js";
import { costs, WorkBudget } from "./work-budget.js";

/** Messages that wait to be worked on, as many bytes as these of the largest. */
const mostPending = 1_000;
const mostPendingMessages = 16;

export interface InboxOwner {
  /** Does what a message asks for. Never rejects. */
  work(text: string): Promise<void>;
  turnOut(code: ErrorCode, message: string, reason: CloseReason): void;
}

/** A client's messages on their way in: bounded, in order, each in the client's turn and at the client's expense. */
export class Inbox {
  readonly #pending: string[] = [];
  readonly #budget: WorkBudget;
  readonly #messages: { left: number; at: number };
  #pendingBytes = 0;
  #working = false;
  #open = true;
  #awake: (() => void) | undefined;

  constructor(
    private readonly settings: PushSettings,
    private readonly turns: Turns,
    private readonly address: string,
    private readonly owner: InboxOwner,
  ) {
    this.#budget = new WorkBudget(settings.rateLimit.workPerSecond);
    this.#messages = { left: settings.rateLimit.messagesPerSecond, at: performance.now() };
  }

  /** Takes a message. Never throws: what is wrong with it is answered. */
  receive(bytes: ArrayBuffer): void {
    if (!this.#open) return;
    const { bounds, rateLimit } = this.settings;
    if (bytes.byteLength > bounds.messageBytes) {
      const message = `a message may have ${bounds.messageBytes} bytes: send several smaller ones`;
      this.owner.turnOut("TP_MESSAGE_TOO_LARGE", message, closeReasons.messageTooLarge);
    } else if (!this.#mayAsk(bytes.byteLength)) {
      const message = `at most ${rateLimit.messagesPerSecond} messages a second: put many channels into one`;
      this.owner.turnOut("TP_TOO_MANY_REQUESTS", message, closeReasons.tooManyRequests);
    } else {
      this.#pending.push(Buffer.from(bytes).toString("utf8"));
      this.#pendingBytes += bytes.byteLength;
      if (!this.#working) void this.#work();
    }
  }

  /** A piece of what a message asks for, when it is this client's turn. @param alone see Turns */
  turn<Result>(work: () => Result | Promise<Result>, alone = false): Promise<Result> {
    return this.turns.take(this.address, work, alone);
  }

  charge(units: number): void {
    this.#budget.charge(units);
  }

  /** Resolves when what was charged is paid for. */
  async paid(): Promise<void> {
    for (let ms = this.#budget.wait(); ms > 0 && this.#open; ms = this.#budget.wait()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#awake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.#open = false;
    this.#pending.length = 0;
    this.#awake?.();
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let text = this.#pending.shift(); text !== undefined; text = this.#pending.shift()) {
      this.#pendingBytes -= text.length;
      this.charge(text.length / costs.readBytes);
      await this.owner.work(text);
      await this.paid();
    }
    this.#pendingBytes = 0;
    this.#working = false;
  }

  #mayAsk(bytes: number): boolean {
    const now = performance.now();
    const rate = this.settings.rateLimit.messagesPerSecond;
    const messages = this.#messages;
    messages.left = Math.min(rate, messages.left + ((now - messages.at) / 1000) * rate) - 1;
    messages.at = now;
    const most = mostPendingMessages * this.settings.bounds.messageBytes;
    return messages.left >= 0 && this.#pending.length < mostPending && this.#pendingBytes + bytes <= most;
  }
}
