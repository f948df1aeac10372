import type { Micros } from "../../schemas/words.js";
import type { ConnectionPlan, PlannedStream } from "../venue.js";

/** After a remedy so long is waited for its effect; then the next, and after that longer and longer. */
const FIRST_WAIT: Micros = 30_000_000;
const LAST_WAIT: Micros = 3_600_000_000;
/** A socket carries hundreds of streams that are well: it is not renewed for a few again and again. */
const RENEW_WAIT: Micros = 600_000_000;

interface Tried {
  attempts: number;
  next: Micros;
}

export interface RemediedLine {
  readonly plan: ConnectionPlan;
  readonly connection: { send(frames: readonly string[]): boolean; renew(reason: string): void };
}

/** Late streams are subscribed again, each by itself; what stays late gets another socket. */
export class Remedies {
  readonly #streams = new Map<PlannedStream, Tried>();
  readonly #renewed = new Map<ConnectionPlan, Tried>();

  /** @param late those of the line's streams that are late now */
  apply(line: RemediedLine, late: readonly PlannedStream[], isSilent: boolean, now: Micros): void {
    this.#forgetMended(line.plan, late);
    if (isSilent) {
      this.#renew(line, "nothing comes of all that was subscribed", FIRST_WAIT, now);
      return;
    }
    for (const stream of late) {
      const tried = this.#streams.get(stream) ?? { attempts: 0, next: 0 };
      if (now < tried.next) continue;
      // the second time it is the socket that may be at fault
      if (tried.attempts === 1)
        this.#renew(line, `${stream.name} says nothing, though subscribed again`, RENEW_WAIT, now);
      else line.connection.send(stream.again);
      tried.attempts += 1;
      tried.next = now + Math.min(FIRST_WAIT * 2 ** tried.attempts, LAST_WAIT);
      this.#streams.set(stream, tried);
    }
  }

  forget(plan: ConnectionPlan): void {
    this.#forgetMended(plan, []);
  }

  #renew({ plan, connection }: RemediedLine, reason: string, wait: Micros, now: Micros): void {
    const tried = this.#renewed.get(plan) ?? { attempts: 0, next: 0 };
    if (now < tried.next) return;
    connection.renew(reason);
    tried.next = now + Math.min(wait * 2 ** tried.attempts, LAST_WAIT);
    tried.attempts += 1;
    this.#renewed.set(plan, tried);
  }

  #forgetMended(plan: ConnectionPlan, late: readonly PlannedStream[]): void {
    if (this.#streams.size === 0 && this.#renewed.size === 0) return;
    for (const stream of plan.streams ?? []) if (!late.includes(stream)) this.#streams.delete(stream);
    if (late.length === 0) this.#renewed.delete(plan);
  }
}
