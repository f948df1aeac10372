import { Deadline } from "../infra/deadline.js";
import { PlantError, whyFailed } from "../infra/errors.js";
import type { Logger } from "../infra/logging.js";
import { backoffMs } from "./backoff.js";
import type { Rest, Venue } from "./venue.js";
import { WeightBudget } from "./weight-budget.js";

/**
 * A REST request of a venue came to nothing. The feed asks again by itself; look at the network, at `restUrl`, and whether
 * the venue bans the address, when it goes on.
 */
export class RestFailed extends PlantError {
  constructor(
    url: string,
    why: string,
    /** HTTP status, where there was an answer. */
    readonly status?: number,
    options?: { cause?: unknown },
  ) {
    super("TP_REST_FAILED", `GET ${url}: ${why}`, options);
  }
}

export interface RestClientOptions {
  readonly baseUrl: string;
  /** Weight that the venue allows a minute; the client stays a tenth below it. */
  readonly weightLimit: number;
  readonly logger: Logger;
  /** What others that the venue counts together with this client spend, too; its own where it is left out. */
  readonly budget?: WeightBudget;
  readonly timeoutMs?: number;
  readonly retries?: number;
  /** Requests that wait; one more is refused at once. */
  readonly maxQueued?: number;
  /** Requests on their way at once. */
  readonly concurrency?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Between two requests. */
  readonly requestIntervalMs?: number;
  /** Whether an answer says that requests are too many, whatever its status. */
  readonly isRateLimit?: (text: string) => boolean;
  /** How long nothing leaves when requests are too many and the venue does not say for how long. */
  readonly limitPauseMs?: number;
  /** ms since the epoch, by which weight is counted; the system's where it is left out. */
  readonly clock?: () => number;
}

/** What a venue says of its REST beside its weight. */
export function restLimitsOf({ isRateLimit, requestIntervalMs }: Venue): Partial<RestClientOptions> {
  return {
    ...(isRateLimit !== undefined && { isRateLimit }),
    ...(requestIntervalMs !== undefined && { requestIntervalMs }),
  };
}

interface Request {
  readonly url: string;
  readonly weight: number;
  readonly retries: number;
  readonly resolve: (answer: { text: string; url: string }) => void;
  readonly reject: (error: Error) => void;
  attempt: number;
}

/**
 * GETs within a venue's limits: a bounded queue in order of asking, weight counted by calendar minute as the venue
 * does, its own count (`X-MBX-USED-WEIGHT-1M`) believed where higher, and 429 or 418 obeyed with their Retry-After.
 * https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
 */
export class RestClient implements Rest {
  private readonly queue: Request[] = [];
  private readonly abort = new AbortController();
  private readonly retrying = new Map<NodeJS.Timeout, Request>();
  private running = 0;
  private readonly budget: WeightBudget;
  private lastSentAt = 0;
  private wake: NodeJS.Timeout | undefined;

  private readonly now: () => number;

  constructor(private readonly options: RestClientOptions) {
    this.now = options.clock ?? Date.now;
    this.budget = options.budget ?? new WeightBudget();
  }

  get(
    path: string,
    query: Readonly<Record<string, string>>,
    weight: number,
    retries = this.options.retries ?? 4,
  ): Promise<{ text: string; url: string }> {
    const search = new URLSearchParams(query).toString();
    const url = `${this.options.baseUrl}${path}${search === "" ? "" : `?${search}`}`;
    if (this.abort.signal.aborted) return Promise.reject(new RestFailed(url, "the client is closed"));
    if (this.queue.length >= (this.options.maxQueued ?? 5_000)) {
      return Promise.reject(new RestFailed(url, `${this.queue.length} requests wait already; ask again later`));
    }
    return new Promise((resolve, reject) => {
      this.queue.push({ url, weight, retries, resolve, reject, attempt: 0 });
      this.pump();
    });
  }

  /** Refuses what waits and breaks off what is on its way. */
  close(): void {
    this.abort.abort();
    clearTimeout(this.wake);
    for (const timer of this.retrying.keys()) clearTimeout(timer);
    for (const request of [...this.retrying.values(), ...this.queue.splice(0)])
      request.reject(new RestFailed(request.url, "the client was closed"));
  }

  private pump(): void {
    clearTimeout(this.wake);
    while (this.queue.length > 0 && this.running < (this.options.concurrency ?? 4)) {
      const pause = this.pauseFor(this.queue[0]!.weight);
      if (pause > 0) {
        this.wake = setTimeout(() => this.pump(), pause);
        return;
      }
      const request = this.queue.shift()!;
      this.budget.spend(request.weight);
      this.lastSentAt = this.now();
      this.running += 1;
      void this.run(request);
    }
  }

  /** ms until a request of this weight may leave. */
  private pauseFor(weight: number): number {
    const now = this.now();
    const nextAt = Math.max(this.budget.pausedUntil, this.lastSentAt + (this.options.requestIntervalMs ?? 0));
    if (now < nextAt) return nextAt - now;
    this.budget.turn(now);
    const { used } = this.budget;
    if (used === 0 || used + weight <= this.options.weightLimit * 0.9) return 0;
    return (Math.floor(now / 60_000) + 1) * 60_000 - now + 50;
  }

  private async run(request: Request): Promise<void> {
    try {
      request.resolve(await this.fetch(request));
    } catch (error) {
      this.retry(request, error as Error);
    } finally {
      this.running -= 1;
      this.pump();
    }
  }

  private async fetch({ url }: Request): Promise<{ text: string; url: string }> {
    const deadline = new Deadline(this.options.timeoutMs ?? 10_000, this.abort.signal);
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, { signal: deadline.signal, headers: this.options.headers ?? {} });
      text = await response.text();
    } catch (cause) {
      throw new RestFailed(url, whyFailed(cause), undefined, { cause });
    } finally {
      deadline.end();
    }
    this.budget.said(Number(response.headers.get("x-mbx-used-weight-1m")));
    const limited = this.options.isRateLimit?.(text) === true;
    if (response.ok && !limited) return { text, url };
    const status = limited ? 429 : response.status;
    if (status === 429 || status === 418) this.obey(response, status);
    throw new RestFailed(url, `${status} ${text.slice(0, 200)}`, status);
  }

  /** Too many requests: nothing leaves before the venue's own time. */
  private obey(response: Response, status: number): void {
    const seconds = Number(response.headers.get("retry-after"));
    const pause = seconds > 0 ? seconds * 1_000 : status === 418 ? 120_000 : (this.options.limitPauseMs ?? 10_000);
    this.budget.pausedUntil = Math.max(this.budget.pausedUntil, this.now() + pause);
    this.options.logger.warn({ status, pauseMs: pause }, "the venue limits requests; waiting");
  }

  /** Limits, server faults and broken connections are tried again; any other 4xx is an answer. */
  private retry(request: Request, error: Error): void {
    const status = error instanceof RestFailed ? error.status : undefined;
    const limited = status === 429 || status === 418;
    const final = status !== undefined && status < 500 && !limited;
    request.attempt += 1;
    if (final || this.abort.signal.aborted || request.attempt > request.retries) {
      request.reject(error);
      return;
    }
    const again = () => {
      this.queue.unshift(request);
      this.pump();
    };
    if (limited) {
      again();
      return;
    }
    const timer = setTimeout(
      () => {
        this.retrying.delete(timer);
        again();
      },
      backoffMs(request.attempt, { baseMs: 250, capMs: 10_000 }),
    );
    this.retrying.set(timer, request);
  }
}
