import type { Micros } from "../../schemas/words.js";
import { Outbox, type OutputCodecs, type OutputSink } from "../outbox.js";
import type { Json, LogClock } from "../task/operator.js";
import { OutputStream } from "../task/output-stream.js";
import { silentObserver, type TaskObserver } from "../task/task.js";

const reason = "unreadable_record";

interface LettersOptions {
  readonly partition: number;
  readonly codecs: OutputCodecs;
  readonly sink: OutputSink;
  readonly observer?: TaskObserver;
}

/** The dead letters of an index task: what stands in its topic and is no input of an index, with its bytes. */
export class IndexLetters {
  /** The newest time that a refused record carried, since none can be read in it. */
  readonly #clock: LogClock = { now: 0, received: 0 };
  readonly #stream: OutputStream;
  readonly #outbox: Outbox;
  /** Of the newest letter: what waits is read again after a crash, and the garbage between with it. */
  #offset = -1;

  constructor(
    private readonly topic: "index.input",
    task: string,
    private readonly options: LettersOptions,
  ) {
    this.#stream = new OutputStream("market.dlq", task, "", "", "");
    this.#outbox = new Outbox(options.sink, this.#clock, options.codecs);
  }

  refuse(original: Uint8Array, offset: number, detail: string, timestamp: Micros): void {
    if (offset <= this.#offset) return;
    this.#offset = offset;
    this.#clock.now = Math.max(this.#clock.now, timestamp);
    this.#clock.received = timestamp;
    const { topic, options } = this;
    (options.observer ?? silentObserver).refused(topic, reason);
    const place = { topic, partition: options.partition, offset, index: -1, exchange: "", symbol: "" };
    this.#outbox.deadLetter(this.#stream, { ...place, reason, detail, original });
  }

  save(): { letters?: Json } {
    if (this.#offset < 0) return {};
    return { letters: [...this.#stream.save(), this.#offset, this.#clock.now] };
  }

  load(saved: Json): void {
    const { letters } = saved as { letters?: readonly [number, number, number, Micros] };
    if (letters === undefined) return;
    const [epoch, sequence, offset, time] = letters;
    this.#stream.load([epoch, sequence]);
    this.#offset = offset;
    this.#clock.now = time;
  }
}
