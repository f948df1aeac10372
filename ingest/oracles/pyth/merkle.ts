import { keccak256 } from "viem";
import { HASH_BYTES, type ProvenMessage } from "./accumulator-update.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/**
 * Whether a message stands below a root, in Pyth's tree: keccak256 cut to 20 bytes; a leaf is hashed behind a 0, a node
 * behind a 1 with its smaller child first.
 * https://github.com/pyth-network/pyth-crosschain, `accumulators/merkle.rs`
 */
export function isProven({ message, proof }: ProvenMessage, root: Uint8Array): boolean {
  let hash = keccak160(LEAF, message);
  for (const sibling of proof) {
    const [first, second] = Buffer.compare(hash, sibling) <= 0 ? [hash, sibling] : [sibling, hash];
    hash = keccak160(NODE, first, second);
  }
  return Buffer.compare(hash, root) === 0;
}

const keccak160 = (...parts: readonly Uint8Array[]): Uint8Array =>
  keccak256(Buffer.concat(parts), "bytes").subarray(0, HASH_BYTES);
