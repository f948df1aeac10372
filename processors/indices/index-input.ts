import { UnreadableRecord } from "../../schemas/errors.js";
import type { IndexInput } from "../../schemas/messages.js";

/** As the forwarder writes prices: no exponent, which in a few letters could ask for millions of digits. */
const plain = /^-?\d{1,64}(?:\.\d{1,64})?$/;

/** The input where it is one that can be computed with. @throws UnreadableRecord where its bytes only look like one */
export function sound(input: IndexInput): IndexInput {
  const { log_time, epoch, sequence_num, prices } = input;
  if (log_time <= 0 || epoch < 0 || sequence_num < 1) {
    throw new UnreadableRecord(`an index's input of time ${log_time}, epoch ${epoch}, sequence ${sequence_num}`);
  }
  for (const { price, tick, exchange, symbol } of prices) {
    const odd = [price, tick].find((text) => text != null && !plain.test(text));
    if (odd == null) continue;
    const text = JSON.stringify(odd.slice(0, 60));
    throw new UnreadableRecord(`an index's input whose price of ${symbol} at ${exchange} is ${text}`);
  }
  return input;
}
