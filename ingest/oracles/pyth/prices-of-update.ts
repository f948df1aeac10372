import { readAccumulatorUpdate } from "./accumulator-update.js";
import { PythUnreadable } from "./errors.js";
import { isProven } from "./merkle.js";
import { type PriceMessage, readPriceMessage } from "./price-message.js";
import { pythEmitter, readMerkleRoot, readVaa, type Vaa } from "./vaa.js";

/** What an update proves. */
export interface ProvenPrices {
  readonly vaa: Vaa;
  readonly slot: bigint;
  readonly prices: readonly PriceMessage[];
}

/**
 * The prices of an update. Every message's Merkle proof is checked against the root in the VAA, and that the VAA names
 * Pyth as its emitter; its guardians' signatures are another matter (`signedBy` of guardians.ts).
 *
 * @throws PythUnreadable when anything of it is not as it should be; none of its prices may be used then
 */
export function pricesOfUpdate(bytes: Uint8Array): ProvenPrices {
  const { vaa: vaaBytes, messages } = readAccumulatorUpdate(bytes);
  const vaa = readVaa(vaaBytes);
  if (vaa.emitterChain !== pythEmitter.chain || vaa.emitter !== pythEmitter.address) {
    throw new PythUnreadable(`its VAA is of emitter ${vaa.emitter} on chain ${vaa.emitterChain}, which is not Pyth`);
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
