import type { DexMessageOfTopic } from "../../schemas/dex-messages.js";
import type { MessageTimes } from "../../schemas/messages.js";

/** A message as its stream has not numbered it yet, nor said when it came. */
export type Unnumbered<Message> = Omit<Message, "epoch" | "sequence_num" | keyof MessageTimes>;

/** What a chain's event says on its topic; the key names the stream: a pool, or the chain. */
export type ChainMessage = {
  [Topic in keyof DexMessageOfTopic]: {
    readonly topic: Topic;
    readonly key: string;
    readonly value: Unnumbered<DexMessageOfTopic[Topic]>;
  };
}[keyof DexMessageOfTopic];

/** What an event of a pool says, which a reorganisation may take back. */
export type PoolMessage = Extract<ChainMessage, { topic: "swap.executed" | "liquidity.change" | "pool.sync" }>;
