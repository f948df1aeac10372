import type { Bus, BusMessage } from "../../infra/bus/bus.js";
import type { Logger } from "../../infra/logging.js";
import type { PoolSync } from "../../schemas/dex-messages.js";
import type { Micros } from "../../schemas/words.js";

/**
 * Pools on the bus: `pool.upd` is a pool's whole state, `price.upd` its price. Both come for each market and, bare, for
 * all pools of this process: so one object serves all of its chains.
 */
export class ChainChannels {
  readonly #sequences = new Map<string, number>();

  constructor(
    readonly bus: Bus,
    readonly logger: Logger,
  ) {}

  /** @param epoch of ingest's run */
  publish(value: Omit<PoolSync, "epoch" | "sequence_num">, epoch: Micros): void {
    const { symbol, exchange, pool, chain, price, block_number, retracts, timestamp, log_time, receive_time } = value;
    const brief = { symbol, exchange, pool, chain, price, block_number, retracts, timestamp, log_time, receive_time };
    const messages = ["", `:${symbol}@${exchange}`].flatMap((place) => [
      this.#message(`price.upd${place}`, brief, epoch),
      this.#message(`pool.upd${place}`, value, epoch),
    ]);
    this.bus
      .publish(messages)
      .catch((error: unknown) => this.logger.warn({ err: error }, "a pool's update was not published"));
  }

  #message(channel: string, data: object, epoch: Micros): BusMessage {
    const sequence = (this.#sequences.get(channel) ?? 0) + 1;
    this.#sequences.set(channel, sequence);
    return { channel, epoch, sequence, payload: JSON.stringify({ channel, epoch, sequence, data }), kind: "event" };
  }
}
