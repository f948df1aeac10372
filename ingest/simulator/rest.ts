export interface RestAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type Query = URLSearchParams;

export interface Route {
  readonly weight: (query: Query) => number;
  /** @throws RestError */
  readonly answer: (query: Query) => string;
}

/** A request that the venue refuses, with its own code. */
export class RestError extends Error {
  constructor(
    readonly code: number | string,
    message: string,
  ) {
    super(message);
  }
}

type Refusal = Omit<RestAnswer, "headers"> & Partial<RestAnswer>;

/** A venue's REST: its paths, and its words where it refuses. */
export interface RestWords {
  readonly routes: ReadonlyMap<string, Route>;
  /** With every answer. */
  headers(usedWeight: number): Record<string, string>;
  noSuchPath(path: string): Refusal;
  error(error: RestError): Refusal;
  /** A fault of the server, with this status. */
  failure(status: number): Refusal;
  tooManyRequests(retryAfterSeconds: number): Refusal;
}

export interface RestOptions {
  /** Request weight that may be used a minute. */
  readonly weightLimit: number;
  readonly now: () => number;
}

/** The REST side of a simulated exchange: limits and faults on demand, whatever the dialect. */
export class RestApi {
  #minute = 0;
  #usedWeight = 0;
  readonly #failures: { readonly status: number; left: number }[] = [];
  /** Called when a request was refused because of a fault on demand. */
  onFailure: () => void = () => undefined;

  constructor(
    private readonly words: RestWords,
    private readonly options: RestOptions,
  ) {}

  /** So many of the next requests are answered with this status, after those that were asked for before. */
  fail(status: number, count: number): void {
    const last = this.#failures.at(-1);
    if (last?.status === status) last.left += count;
    else if (count > 0) this.#failures.push({ status, left: count });
  }

  /** Kinds of failures that are still to come. */
  get failures(): number {
    return this.#failures.length;
  }

  #nextFailure(): number | undefined {
    const next = this.#failures[0];
    if (next === undefined) return undefined;
    if (--next.left <= 0) this.#failures.shift();
    return next.status;
  }

  answer(path: string, query: Query): RestAnswer {
    const route = this.words.routes.get(path);
    if (route === undefined) return { headers: {}, ...this.words.noSuchPath(path) };
    let headers: Record<string, string> = {};
    try {
      headers = this.words.headers(this.#weigh(route.weight(query)));
      const refusal = this.#refusal();
      if (refusal !== undefined) return { ...refusal, headers: { ...headers, ...refusal.headers } };
      return { status: 200, body: route.answer(query), headers };
    } catch (error) {
      if (!(error instanceof RestError)) throw error;
      return { ...this.words.error(error), headers };
    }
  }

  #refusal(): Refusal | undefined {
    const failure = this.#nextFailure();
    if (failure !== undefined) this.onFailure();
    if (failure === 429) return this.words.tooManyRequests(1);
    if (failure !== undefined) return this.words.failure(failure);
    if (this.#usedWeight <= this.options.weightLimit) return undefined;
    return this.words.tooManyRequests(60 - Math.floor((this.options.now() / 1000) % 60));
  }

  #weigh(weight: number): number {
    const minute = Math.floor(this.options.now() / 60_000);
    if (minute !== this.#minute) this.#usedWeight = 0;
    this.#minute = minute;
    this.#usedWeight += weight;
    return this.#usedWeight;
  }
}

/** A whole number of a query. @throws RestError with the code that the venue gives for it */
export function whole(query: Query, name: string, otherwise: number, most: number, illegal: RestError): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  if (!/^\d{1,19}$/.test(text)) throw illegal;
  return Math.min(most, Number(text));
}

/** The first of sorted items that holds; their number where none does. */
export function firstWhere<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
