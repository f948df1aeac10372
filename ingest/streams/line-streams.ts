import type { Condition } from "../../infra/health.js";
import type { IllStream } from "../../schemas/ticks.js";
import type { Micros, VenueId } from "../../schemas/words.js";
import type { ConnectionPlan, PlannedStream } from "../venue.js";
import { type RemediedLine, Remedies } from "./remedies.js";
import type { Lateness, StreamKind } from "./stream.js";
import type { StreamWatch } from "./stream-watch.js";

const MOST_NAMED = 20;

interface Judged {
  readonly late: readonly Lateness[];
  /** Nothing comes of all that is known to come. */
  readonly silentSince: Micros | undefined;
}

const WELL: Judged = { late: [], silentSince: undefined };

/** The streams of one venue's sockets: which are late, what is done about it, how it is told. */
export class LineStreams {
  readonly #remedies = new Remedies();
  readonly #judged = new Map<ConnectionPlan, Judged>();
  #now: Micros = 0;

  constructor(
    private readonly exchange: VenueId,
    private readonly streams: StreamWatch,
  ) {}

  up(plan: ConnectionPlan, now: Micros): void {
    for (const [symbol, kind] of namesOf(plan)) this.streams.expect(this.exchange, symbol, kind, now);
  }

  down(plan: ConnectionPlan): void {
    this.#judged.delete(plan);
    for (const [symbol, kind] of namesOf(plan)) this.streams.down(this.exchange, symbol, kind);
  }

  /** The connection carries other streams from here on: those that are new are awaited, the others go on as they were. */
  replanned(former: ConnectionPlan, plan: ConnectionPlan | undefined, connected: boolean, now: Micros): void {
    this.#judged.delete(former);
    this.#remedies.forget(former);
    if (plan === undefined || !connected) return;
    for (const [symbol, kind] of namesOf(plan)) {
      if (this.streams.find(this.exchange, symbol, kind)?.up !== true)
        this.streams.expect(this.exchange, symbol, kind, now);
    }
  }

  end(symbols: Iterable<string>): void {
    for (const symbol of symbols) this.streams.leave(this.exchange, symbol);
  }

  /** @param late all that are late, of any venue */
  judge(lines: readonly RemediedLine[], late: readonly Lateness[], now: Micros): void {
    this.#now = now;
    const ours = late.filter(({ exchange }) => exchange === this.exchange);
    if (ours.length === 0 && this.#judged.size === 0) return;
    for (const line of lines) {
      const { plan } = line;
      const names = new Set(namesOf(plan).map(([symbol, kind]) => `${kind} ${symbol}`));
      const here = ours.filter(({ symbol, kind }) => names.has(`${kind} ${symbol}`));
      const stopped = here.filter(({ how }) => how !== "slow");
      const lastWord = Math.max(...stopped.map(({ since }) => since));
      const isSilent = stopped.length > 0 && !this.#speaks(plan, stopped, lastWord);
      const silentSince = isSilent ? lastWord : undefined;
      if (here.length === 0) this.#judged.delete(plan);
      else this.#judged.set(plan, { late: here, silentSince });
      this.#remedies.apply(line, plannedOf(plan, stopped), isSilent, now);
    }
  }

  /** Whether a stream of the socket has come since, or is known and not late. */
  #speaks(plan: ConnectionPlan, late: readonly Lateness[], lastWord: Micros): boolean {
    const isLate = new Set(late.map(({ symbol, kind }) => `${kind} ${symbol}`));
    return namesOf(plan).some(([symbol, kind]) => {
      if (isLate.has(`${kind} ${symbol}`)) return false;
      const stream = this.streams.find(this.exchange, symbol, kind);
      return stream !== undefined && (stream.last > lastWord || stream.patience !== Number.POSITIVE_INFINITY);
    });
  }

  of(plan: ConnectionPlan): Judged {
    return this.#judged.get(plan) ?? WELL;
  }

  ill(): IllStream[] {
    const { exchange } = this;
    return [...this.#judged].flatMap(([{ name: feed }, { late, silentSince }]) => [
      ...(silentSince === undefined
        ? []
        : [{ exchange, feed, symbol: "", kind: "", how: "silent", since: silentSince }]),
      ...late.map(({ symbol, kind, how, since }) => ({ exchange, feed, symbol, kind, how, since })),
    ]);
  }

  conditions(): Condition[] {
    return [...this.#judged].flatMap(([plan, judged]) => this.#conditionsOf(plan, judged));
  }

  #conditionsOf({ name }: ConnectionPlan, { late, silentSince }: Judged): Condition[] {
    if (silentSince !== undefined) {
      const reason = `${this.exchange} (${name}) is connected and has brought nothing for ${spanOf(this.#now - silentSince)}`;
      return [{ name: "feed_silent", subject: `${this.exchange} ${name}`, reason, severity: "not_ready" }];
    }
    const held = late.slice(0, MOST_NAMED).map((one): Condition => {
      const severity = one.how === "slow" ? "note" : "not_ready";
      return { name: "stream_late", subject: subjectOf(one), reason: reasonOf(one, this.#now), severity };
    });
    const more = late.length - held.length;
    if (more <= 0) return held;
    const reason = `${more} more streams of ${this.exchange} are late`;
    return [...held, { name: "stream_late", subject: `${this.exchange} ${name}`, reason, severity: "not_ready" }];
  }
}

/** `no trade of BTC/USDT at kraken for 9 min while its ticker moved 14 times` */
export function reasonOf({ how, reason, since }: Lateness, now: Micros): string {
  if (how !== "stalled") return `${reason} (${spanOf(now - since)})`;
  const [what, witness] = reason.split(" while ");
  return `${what} for ${spanOf(now - since)}${witness === undefined ? "" : ` while ${witness}`}`;
}

function spanOf(micros: Micros): string {
  const seconds = Math.round(micros / 1_000_000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

const subjectOf = ({ exchange, symbol, kind }: Lateness): string => `${kind} ${symbol}@${exchange}`;

function namesOf({ streams, subscriptions }: ConnectionPlan): (readonly [symbol: string, kind: StreamKind])[] {
  // not every kind that is wanted has a stream
  return (streams ?? subscriptions).flatMap(({ instrument, kinds }) =>
    kinds.map((kind) => [instrument.symbol, kind] as const),
  );
}

function plannedOf({ streams = [] }: ConnectionPlan, late: readonly Lateness[]): PlannedStream[] {
  return streams.filter(({ instrument, kinds }) =>
    late.some(({ symbol, kind }) => symbol === instrument.symbol && (kinds as readonly string[]).includes(kind)),
  );
}
