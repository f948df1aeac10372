import { readAccumulatorUpdate } from "./accumulator-update.js";
import { PythUnreadable } from "./errors.js";
import { isProven } from "./merkle.js";
import { type PriceMessage, readPriceMessage } from "./price-message.js";
import { type Emitter, readMerkleRoot, readVaa, type Vaa } from "./vaa.js";

/** What an update proves. */
export interface ProvenPrices {
  readonly vaa: Vaa;
  readonly slot: bigint;
  readonly prices: readonly PriceMessage[];
}

/**
 * The prices of an update. Every message's Merkle proof is checked against the root in the VAA, and that the VAA is of an
 * emitter that is trusted; its signatures are another matter (`requireSigners`).
 *
 * @throws PythUnreadable when anything of it is not as it should be; none of its prices may be used then
 */
export function pricesOfUpdate(bytes: Uint8Array, emitters: readonly Emitter[]): ProvenPrices {
  const { vaa: vaaBytes, messages } = readAccumulatorUpdate(bytes);
  const vaa = readVaa(vaaBytes);
  if (!emitters.some(({ chain, address }) => chain === vaa.emitterChain && address === vaa.emitter)) {
    throw new PythUnreadable(
      `its VAA is of emitter ${vaa.emitter} on chain ${vaa.emitterChain}, none of those that are trusted`,
    );
  }
  const { root, slot } = readMerkleRoot(vaa.payload);
  const prices = messages.flatMap((message, index) => {
    if (!isProven(message, root)) {
      throw new PythUnreadable(`the proof of message ${index} does not lead to the root of slot ${slot}`);
    }
    return readPriceMessage(message.message) ?? [];
  });
  return { vaa, slot, prices };
}
