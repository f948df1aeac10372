import type { Condition } from "../infra/health.js";
import type { Logger } from "../infra/logging.js";
import type { IllStream } from "../schemas/ticks.js";
import type { Micros, VenueId } from "../schemas/words.js";
import type { ConnectionPlan, PlannedStream, SubscriptionAnswer } from "./venue.js";

/** Asked again after so long at least and at most; in between after a quarter of the time for which it is refused. */
const FIRST_PAUSE: Micros = 5_000_000;
const LAST_PAUSE: Micros = 300_000_000;
const MOST_NAMED = 5;

interface Refused {
  readonly plan: ConnectionPlan;
  readonly stream: PlannedStream;
  readonly words: string;
  readonly since: Micros;
  askAt: Micros;
}

/** The streams of one venue that it refuses: said once in the log, told as a condition, asked for again and again. */
export class RefusedStreams {
  readonly #refused = new Map<string, Refused>();

  constructor(
    private readonly exchange: VenueId,
    private readonly logger: Logger,
  ) {}

  /** What the venue answered to a subscription of the plan. */
  answered(plan: ConnectionPlan, { subscription, refusal }: SubscriptionAnswer, now: Micros): void {
    const streams = streamsOf(plan, subscription);
    if (refusal === undefined) {
      const taken = streams.filter(({ key }) => this.#refused.delete(nameOf(plan, key)));
      if (taken.length > 0)
        this.logger.info({ streams: namesOf(taken) }, "the venue takes streams that it had refused");
      return;
    }
    // what was refused together is asked for one by one, and told then
    if (streams.some(({ group }) => group === subscription)) return;
    const fresh = streams.filter(({ key }) => !this.#refused.has(nameOf(plan, key)));
    for (const stream of streams) {
      const since = this.#refused.get(nameOf(plan, stream.key))?.since ?? now;
      const pause = Math.min(Math.max((now - since) / 4, FIRST_PAUSE), LAST_PAUSE);
      this.#refused.set(nameOf(plan, stream.key), { plan, stream, words: refusal, since, askAt: now + pause });
    }
    if (fresh.length === 0 && streams.length > 0) return;
    const named = streams.length === 0 ? subscription : namesOf(fresh);
    this.logger.error({ streams: named, why: refusal }, "the venue refuses streams; they are asked for again");
  }

  /** @param ask sends frames; false where that is not possible now */
  onTime(now: Micros, ask: (plan: ConnectionPlan, frames: readonly string[]) => boolean): void {
    for (const refused of this.#refused.values()) {
      if (now < refused.askAt) continue;
      refused.askAt = now + FIRST_PAUSE;
      ask(refused.plan, refused.stream.again);
    }
  }

  #reasonOf(plan: ConnectionPlan): string {
    const ours = [...this.#refused.values()].filter((refused) => refused.plan === plan);
    return `${this.exchange} refuses ${namesOf(ours.map(({ stream }) => stream))}: ${ours[0]!.words}`;
  }

  ill(): IllStream[] {
    return [...this.#refused.values()].flatMap(({ plan, stream, since }) =>
      stream.kinds.map((kind) => {
        const { symbol } = stream.instrument;
        return { exchange: this.exchange, feed: plan.name, symbol, kind, how: "refused", since };
      }),
    );
  }

  conditions(): Condition[] {
    const plans = new Set([...this.#refused.values()].map(({ plan }) => plan));
    return [...plans].map((plan) => ({
      name: "subscription_refused",
      subject: `${this.exchange} ${plan.name}`,
      reason: this.#reasonOf(plan),
      severity: "not_ready",
    }));
  }
}

const nameOf = (plan: ConnectionPlan, key: string): string => `${plan.name} ${key}`;

function streamsOf({ streams = [] }: ConnectionPlan, subscription: string): readonly PlannedStream[] {
  return streams.filter(({ key, group }) => key === subscription || group === subscription);
}

function namesOf(streams: readonly PlannedStream[]): string {
  const named = streams.slice(0, MOST_NAMED).map(({ name }) => name);
  const more = streams.length - named.length;
  return more > 0 ? `${named.join(", ")} and ${more} more` : named.join(", ");
}
