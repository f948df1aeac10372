/**
 * A signal that aborts when another does, or when so long nothing has come.
 *
 * It stands for `AbortSignal.any([outer, AbortSignal.timeout(ms)])`, of which Node's garbage collector takes the timeout
 * away before it fires (https://github.com/nodejs/node/issues/57736), and which grows with an outer signal that lives long.
 */
export class Deadline {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;

  constructor(
    private readonly ms: number,
    private readonly outer: AbortSignal,
  ) {
    this.#timer = this.#started();
    if (outer.aborted) this.#onOuter();
    else outer.addEventListener("abort", this.#onOuter);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came: the time begins anew. */
  extend(): void {
    clearTimeout(this.#timer);
    if (!this.signal.aborted) this.#timer = this.#started();
  }

  /** The work is done. Has to be called in any case. */
  end(): void {
    clearTimeout(this.#timer);
    this.outer.removeEventListener("abort", this.#onOuter);
  }

  #started(): NodeJS.Timeout {
    const error = () => new DOMException(`no answer within ${this.ms} ms`, "TimeoutError");
    return setTimeout(() => this.#controller.abort(error()), this.ms);
  }

  readonly #onOuter = () => {
    clearTimeout(this.#timer);
    this.#controller.abort(this.outer.reason);
  };
}
