import { ByteReader } from "./byte-reader.js";
import { PythUnreadable } from "./errors.js";

/** An update as Hermes hands it out: messages, each with its proof, under a root that signers signed. */
export interface AccumulatorUpdate {
  readonly vaa: Uint8Array;
  readonly messages: readonly ProvenMessage[];
}

export interface ProvenMessage {
  readonly message: Uint8Array;
  /** Hashes beside the path from the message to the root, the lowest first. */
  readonly proof: readonly Uint8Array[];
}

const MAGIC = "PNAU";
const VERSION = "1.0";
const WORMHOLE_MERKLE = 0;
export const HASH_BYTES = 20;

/**
 * The update's parts.
 *
 * Format: https://github.com/pyth-network/pyth-crosschain, `AccumulatorUpdateData` of the wire format: "PNAU", version
 * (1.0), length and bytes of a header for later versions, type of the update (0: Wormhole, Merkle), length and bytes
 * of the VAA, count of messages; each: length and bytes, count of hashes, the hashes. Nobody signs what stands before the
 * VAA, so only what is known there is taken: a version that nobody has seen is refused rather than guessed at.
 *
 * @throws PythUnreadable
 */
export function readAccumulatorUpdate(bytes: Uint8Array): AccumulatorUpdate {
  const reader = new ByteReader(bytes);
  if (Buffer.from(reader.take(4, "its magic")).toString("latin1") !== MAGIC) {
    throw new PythUnreadable(`it does not begin with ${MAGIC}`);
  }
  const version = `${reader.uint(1, "its version")}.${reader.uint(1, "its version")}`;
  if (version !== VERSION) throw new PythUnreadable(`it has version ${version}, and ${VERSION} is known`);
  const header = reader.uint(1, "its header");
  if (header !== 0) throw new PythUnreadable(`it has a header of ${header} bytes, and version ${VERSION} has none`);
  const type = reader.uint(1, "its type");
  if (type !== WORMHOLE_MERKLE) throw new PythUnreadable(`it is of type ${type}, and ${WORMHOLE_MERKLE} is known`);
  const vaa = reader.take(reader.uint(2, "its VAA"), "its VAA");
  const count = reader.uint(1, "its messages");
  const messages = Array.from({ length: count }, () => {
    const message = reader.take(reader.uint(2, "a message"), "a message");
    const hashes = reader.uint(1, "a proof");
    const proof = Array.from({ length: hashes }, () => reader.take(HASH_BYTES, "a proof"));
    return { message, proof };
  });
  if (reader.left > 0) throw new PythUnreadable(`${reader.left} bytes follow its last message`);
  return { vaa, messages };
}
