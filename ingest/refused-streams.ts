import type { Condition } from "../infra/health.js";
import type { Logger } from "../infra/logging.js";
import type { IllStream } from "../schemas/ticks.js";
import type { Micros, VenueId } from "../schemas/words.js";
import type { ConnectionPlan, PlannedStream, SubscriptionAnswer } from "./venue.js";

/**
 * A connection's refused streams are asked for again one by one, in turns: the first so long after the refusal, then one
 * in so much time, which is below what any venue bears (OKX: 480 requests an hour a connection).
 */
const FIRST_PAUSE: Micros = 5_000_000;
const PAUSE: Micros = 10_000_000;
/** Once one is taken the others are asked for at this pace. */
const HURRIED_PAUSE: Micros = 250_000;
const MOST_NAMED = 5;

interface Refused {
  readonly plan: ConnectionPlan;
  readonly stream: PlannedStream;
  readonly words: string;
  readonly since: Micros;
  askedAt: Micros;
  /** Another stream of the connection was taken since. */
  isDue: boolean;
}

/** The streams of one venue that it refuses: said once in the log, told as a condition, asked for again and again. */
export class RefusedStreams {
  readonly #refused = new Map<string, Refused>();
  /** When a connection may ask again. */
  readonly #asksAt = new Map<ConnectionPlan, Micros>();

  constructor(
    private readonly exchange: VenueId,
    private readonly logger: Logger,
  ) {}

  /** What the venue answered to a subscription of the plan. */
  answered(plan: ConnectionPlan, { subscription, refusal }: SubscriptionAnswer, now: Micros): void {
    const streams = streamsOf(plan, subscription);
    if (refusal === undefined) {
      const taken = streams.filter(({ key }) => this.#refused.delete(nameOf(plan, key)));
      if (taken.length > 0) this.#taken(plan, taken, now);
      return;
    }
    // what was refused together is asked for one by one, and told then
    if (streams.some(({ group }) => group === subscription)) return;
    const fresh = streams.filter(({ key }) => !this.#refused.has(nameOf(plan, key)));
    for (const stream of streams) {
      const { since = now, askedAt = 0 } = this.#refused.get(nameOf(plan, stream.key)) ?? {};
      this.#refused.set(nameOf(plan, stream.key), { plan, stream, words: refusal, since, askedAt, isDue: false });
    }
    if (streams.length > 0 && !this.#asksAt.has(plan)) this.#asksAt.set(plan, now + FIRST_PAUSE);
    if (fresh.length === 0 && streams.length > 0) return;
    const named = streams.length === 0 ? subscription : namesOf(fresh);
    this.logger.error({ streams: named, why: refusal }, "the venue refuses streams; they are asked for again");
  }

  /** The plan is another now: what its connection refuses of that one is told anew. */
  left(plan: ConnectionPlan): void {
    this.#asksAt.delete(plan);
    for (const [name, refused] of this.#refused) if (refused.plan === plan) this.#refused.delete(name);
  }

  /** @param ask sends frames; false where that is not possible now */
  onTime(now: Micros, ask: (plan: ConnectionPlan, frames: readonly string[]) => boolean): void {
    for (const [plan, at] of this.#asksAt) {
      if (now < at) continue;
      const [next, ...others] = this.#of(plan).sort(
        (a, b) => Number(b.isDue) - Number(a.isDue) || a.askedAt - b.askedAt,
      );
      if (next === undefined) {
        this.#asksAt.delete(plan);
        continue;
      }
      next.askedAt = now;
      next.isDue = false;
      this.#asksAt.set(plan, now + (others.some(({ isDue }) => isDue) ? HURRIED_PAUSE : PAUSE));
      ask(plan, next.stream.again);
    }
  }

  #of(plan: ConnectionPlan): Refused[] {
    return [...this.#refused.values()].filter((refused) => refused.plan === plan);
  }

  /** What kept the venue from it may be over for the others, too. */
  #taken(plan: ConnectionPlan, taken: readonly PlannedStream[], now: Micros): void {
    this.logger.info({ streams: namesOf(taken) }, "the venue takes streams that it had refused");
    for (const refused of this.#of(plan)) refused.isDue = true;
    this.#asksAt.set(plan, now);
  }

  #reasonOf(plan: ConnectionPlan): string {
    const ours = this.#of(plan);
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
