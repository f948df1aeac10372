import type { IndexInput } from "../../schemas/messages.js";
import type { Micros, SymbolName } from "../../schemas/words.js";
import { Outbox, type OutputCodecs, type OutputSink } from "../outbox.js";
import type { IndexSettings, ProcessSettings } from "../settings.js";
import type { Json, LogClock } from "../task/operator.js";
import { OutputStream } from "../task/output-stream.js";
import { type StateChange, StateKeeper, silentObserver, type Task, type TaskObserver } from "../task/task.js";
import { sound } from "./index-input.js";
import { IndexLetters } from "./index-letters.js";
import { type IndexState, indexPrice } from "./index-price.js";

const TOPIC = "index.input";
/**
 * Inputs that one source may be ahead of the slowest: a day on the finest grid, which is what the topic keeps. Beyond,
 * the oldest instant is given up and counted.
 */
const MOST_WAITING = 350_000;

/** What one source has sent and no instant has taken yet, oldest first. */
class Source {
  /** Of the newest input that came, and of the newest that was taken. */
  received: readonly [epoch: number, sequence: number];
  taken: readonly [epoch: number, sequence: number];
  #waiting: { readonly input: IndexInput; readonly offset: number }[] = [];
  #head = 0;

  constructor(taken: readonly [epoch: number, sequence: number] = [0, 0]) {
    this.received = taken;
    this.taken = taken;
  }

  get size(): number {
    return this.#waiting.length - this.#head;
  }

  get first(): IndexInput {
    return this.#waiting[this.#head]!.input;
  }

  /** Where the log has to be read again from, after a crash. */
  get firstOffset(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : this.#waiting[this.#head]!.offset;
  }

  /** @returns false for a repeat */
  put(input: IndexInput, offset: number): boolean {
    const [epoch, sequence] = this.received;
    if (input.epoch < epoch || (input.epoch === epoch && input.sequence_num <= sequence)) return false;
    this.received = [input.epoch, input.sequence_num];
    this.#waiting.push({ input, offset });
    return true;
  }

  take(): IndexInput {
    const { input } = this.#waiting[this.#head++]!;
    this.taken = [input.epoch, input.sequence_num];
    if (this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return input;
  }
}

interface Computed {
  readonly settings: IndexSettings;
  readonly stream: OutputStream;
  /** The tasks whose partitions hold constituents. */
  readonly sources: Map<string, Source>;
  state: IndexState;
  lastInstant: Micros;
}

interface ComputedJson {
  readonly stream: readonly [number, number];
  /** The newest input of each that was taken; what waits is read again. */
  readonly sources: readonly (readonly [name: string, epoch: number, sequence: number])[];
  readonly value: string | null;
  readonly lastInstant: Micros;
}

export interface IndexTaskOptions {
  readonly partition: number;
  readonly settings: ProcessSettings;
  readonly codecs: OutputCodecs;
  readonly sink: OutputSink;
  /** The partition of market.raw that a symbol's ticks lie in, and that of index.input an index's inputs lie in. */
  readonly partitionOf: (key: SymbolName) => number;
  readonly observer?: TaskObserver;
}

/**
 * One partition of index.input: computes each of its indices for an instant of the grid once every source partition's
 * time has passed that instant. How the sources' records interleave makes no difference.
 */
export class IndexTask implements Task {
  readonly name: string;
  readonly clock: LogClock = { now: 0, received: 0 };
  readonly #outbox: Outbox;
  readonly #indices = new Map<string, Computed>();
  readonly #state: StateKeeper;
  readonly #observer: TaskObserver;
  readonly #letters: IndexLetters;
  #offset = -1;

  constructor(readonly options: IndexTaskOptions) {
    this.name = `${TOPIC}/${options.partition}`;
    this.#observer = options.observer ?? silentObserver;
    this.#outbox = new Outbox(options.sink, this.clock, options.codecs);
    this.#state = new StateKeeper(this.name);
    this.#letters = new IndexLetters(TOPIC, this.name, options);
    for (const settings of options.settings.indices) {
      if (options.partitionOf(settings.name) === options.partition) this.#add(settings);
    }
  }

  #add(settings: IndexSettings): void {
    const { name } = settings;
    const sources = new Map<string, Source>();
    for (const { symbol } of [...settings.constituents, ...(settings.guards ?? [])]) {
      sources.set(`market.raw/${this.options.partitionOf(symbol)}`, new Source());
    }
    const stream = new OutputStream("market.index", name, `index:${name}`, name, "aggregate");
    this.#indices.set(name, { settings, stream, sources, state: { value: null }, lastInstant: 0 });
  }

  process(value: Uint8Array | null, offset: number, timestamp: Micros = 0): void {
    this.#offset = offset;
    if (value === null) return;
    let input: IndexInput;
    try {
      input = sound(this.options.codecs[TOPIC].decode(value));
    } catch (error) {
      this.#letters.refuse(value, offset, (error as Error).message, timestamp);
      return;
    }
    this.#observer.ticks(TOPIC, 1);
    const computed = this.#indices.get(input.name);
    const source = computed?.sources.get(input.source);
    // an index that is configured no more, or a constituent that lay elsewhere before
    if (computed === undefined || source === undefined) {
      this.#observer.refused(TOPIC, "not_configured");
      return;
    }
    if (!source.put(input, offset)) return;
    if (source.size > MOST_WAITING) {
      source.take();
      this.#observer.refused(TOPIC, "source_behind");
    }
    this.#compute(computed);
  }

  lost(_records: number): void {
    this.#observer.refused(TOPIC, "lost_to_retention");
  }

  #compute(computed: Computed): void {
    const sources = [...computed.sources.values()];
    while (sources.every(({ size }) => size > 0)) {
      // sources begin at different instants: the first that all of them have
      const instant = Math.max(...sources.map(({ first }) => first.log_time));
      for (const source of sources) {
        while (source.size > 0 && source.first.log_time < instant) source.take();
      }
      if (sources.some((source) => source.size === 0 || source.first.log_time !== instant)) continue;
      const inputs = sources.map((source) => source.take());
      // a source begun anew may bring instants again that were shown
      if (instant > computed.lastInstant) this.#show(computed, instant, inputs);
    }
  }

  #show(computed: Computed, instant: Micros, inputs: readonly IndexInput[]): void {
    const { settings, stream } = computed;
    const prices = inputs.flatMap((input) => input.prices);
    this.clock.now = instant;
    this.clock.received = inputs.reduce((newest, { receive_time }) => Math.max(newest, receive_time), 0);
    computed.lastInstant = instant;
    const result = indexPrice(prices, instant, settings, computed.state);
    computed.state = { value: result.value };
    this.#outbox.index(stream, { name: settings.name, ...result, timestamp: instant });
  }

  checkpoint(): StateChange[] {
    return this.#state.changes((write) => {
      for (const [name, computed] of this.#indices) write(`index/${name}`, saveIndex(computed));
      write("task", { offset: this.#position(), ...this.#letters.save() });
    });
  }

  /** The first record that the state does not stand for: what waits belongs to the log still. */
  #position(): number {
    const sources = [...this.#indices.values()].flatMap((computed) => [...computed.sources.values()]);
    return Math.min(this.#offset + 1, ...sources.map(({ firstOffset }) => firstOffset));
  }

  restore(records: ReadonlyMap<string, string>): number | undefined {
    let position: number | undefined;
    this.#state.restore(records, (key, value) => {
      if (key === "task") {
        position = (value as { offset: number }).offset;
        this.#letters.load(value);
        this.#offset = position - 1;
      } else loadIndex(this.#indices.get(key.slice("index/".length)), value as unknown as ComputedJson);
    });
    return position;
  }
}

function saveIndex({ stream, sources, state, lastInstant }: Computed): Json {
  const saved: ComputedJson = {
    stream: stream.save(),
    sources: [...sources].map(([name, { taken }]) => [name, ...taken]),
    value: state.value,
    lastInstant,
  };
  return saved as unknown as Json;
}

function loadIndex(computed: Computed | undefined, saved: ComputedJson): void {
  if (computed === undefined) return;
  if (saved.stream[1] > 0) computed.stream.load(saved.stream);
  computed.state = { value: saved.value };
  computed.lastInstant = saved.lastInstant;
  for (const [name, epoch, sequence] of saved.sources) {
    if (computed.sources.has(name)) computed.sources.set(name, new Source([epoch, sequence]));
  }
}
