// The WebSocket: subscriptions that survive reconnects, each message once, and an honest word on the link's state.

const firstRetryMs = 500;
const longestRetryMs = 15_000;
/** The server speaks at least every 15 s. */
const staleMs = 20_000;

export class Stream {
  #url;
  #socket;
  #retries = 0;
  #nextId = 1;
  #subscriptions = new Map();
  #heard = 0;
  #onState;
  #onStatus;
  #onHealth;
  #pending = new Map();
  #flushAsked = false;

  /**
   * @param onState called with {state: connecting|live|stale|disconnected, retryInMs?, reason?}
   * @param onStatus called with (channel, reason) of a channel behind which something does not work, and with
   *   (channel, undefined) when it does again
   * @param onHealth called with the reasons for which the plant is not ready; none when it is
   */
  constructor(url, onState, onStatus = () => {}, onHealth = () => {}) {
    this.#onStatus = onStatus;
    this.#onHealth = onHealth;
    this.#url = url;
    this.#onState = onState;
    this.#connect();
    setInterval(() => this.#watch(), 1000);
  }

  /** Calls `handler(envelope)` for each message, and `handler(undefined)` when what was known is void. */
  subscribe(channel, handler, rateMs = 0) {
    this.#subscriptions.set(channel, { handler, rateMs, epoch: -1, sequence: -1 });
    this.#ask("subscribe", channel);
  }

  unsubscribe(channel) {
    if (!this.#subscriptions.delete(channel)) return;
    this.#onStatus(channel, undefined);
    this.#ask("unsubscribe", channel);
  }

  /** Requests of one moment go out as one message each. */
  #ask(op, channel) {
    this.#pending.set(channel, op);
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    queueMicrotask(() => {
      this.#flushAsked = false;
      const asked = [...this.#pending];
      this.#pending.clear();
      if (this.#socket?.readyState === WebSocket.OPEN) this.#flush(asked);
    });
  }

  #flush(asked) {
    this.#send(
      "unsubscribe",
      asked.filter(([, op]) => op === "unsubscribe").map(([channel]) => channel),
    );
    this.#subscribeAll(asked.filter(([, op]) => op === "subscribe").map(([channel]) => channel));
  }

  #subscribeAll(channels) {
    const byRate = new Map();
    for (const channel of channels) {
      const rate = this.#subscriptions.get(channel)?.rateMs;
      if (rate === undefined) continue;
      byRate.set(rate, [...(byRate.get(rate) ?? []), channel]);
    }
    for (const [rate, names] of byRate) {
      for (let at = 0; at < names.length; at += 400) this.#send("subscribe", names.slice(at, at + 400), rate);
    }
  }

  #send(op, channels, rateMs = 0) {
    if (channels.length === 0) return;
    const wish = rateMs > 0 ? { rate_ms: rateMs } : {};
    this.#socket.send(JSON.stringify({ op, id: this.#nextId++, channels, ...wish }));
  }

  #connect() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#onState({ state: "connecting" });
    socket.onopen = () => {
      this.#heard = performance.now();
      this.#pending.clear();
      this.#subscribeAll([...this.#subscriptions.keys()]);
      this.#onState({ state: "live" });
    };
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#retry(code, reason);
  }

  #retry(code, reason) {
    // 4500 and above: coming back unchanged would only be refused again.
    if (code >= 4500 && code < 5000) return this.#onState({ state: "disconnected", reason });
    const wait = Math.min(longestRetryMs, firstRetryMs * 2 ** this.#retries++) * (0.75 + Math.random() / 2);
    this.#onState({ state: "disconnected", retryInMs: wait, reason });
    setTimeout(() => this.#connect(), wait);
  }

  #take(message) {
    this.#heard = performance.now();
    if (message.op === undefined) return this.#deliver(message);
    if (message.op === "welcome") {
      this.#retries = 0;
      // what is not well is said next
      this.#onHealth([]);
    }
    if (message.op === "health") this.#onHealth(message.reasons);
    if (message.op === "status")
      this.#onStatus(message.channel, message.status === "stale" ? message.reason : undefined);
    if (message.op === "reload") this.#forget(message.channel);
    if (message.op === "error") console.warn("tickplant:", message.code, message.message);
  }

  #deliver(envelope) {
    const subscription = this.#subscriptions.get(envelope.channel);
    if (subscription === undefined) return;
    const { epoch, sequence } = envelope;
    const whole = envelope.data.is_snapshot === true;
    const newer = epoch === subscription.epoch ? sequence > subscription.sequence : epoch > subscription.epoch;
    if (!newer && !whole) return;
    subscription.epoch = epoch;
    subscription.sequence = sequence;
    subscription.handler(envelope);
  }

  #forget(channel) {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return;
    subscription.epoch = -1;
    subscription.sequence = -1;
    subscription.handler(undefined);
  }

  #watch() {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const silentMs = performance.now() - this.#heard;
    this.#onState(silentMs > staleMs ? { state: "stale", silentMs } : { state: "live" });
    if (silentMs > 3 * staleMs) this.#socket.close();
  }
}
