import { ByteReader } from "./byte-reader.js";
import { PythUnreadable } from "./errors.js";

/**
 * What was signed, in the form of Wormhole's VAAs: that all prices of a slot have this root. Wormhole's guardians signed until
 * 2026-08-26, the routers of Pyth Pro since. https://wormhole.com/docs/protocol/infrastructure/vaas/
 */
export interface Vaa {
  readonly signerSet: number;
  readonly signatures: readonly VaaSignature[];
  /** What is signed, hashed twice by keccak256. */
  readonly body: Uint8Array;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly emitterChain: number;
  /** Hexadecimal, 32 bytes. */
  readonly emitter: string;
  readonly sequence: bigint;
  readonly payload: Uint8Array;
}

export interface VaaSignature {
  /** Place of the signer in its set. */
  readonly signer: number;
  readonly signature: Uint8Array;
}

/** Who may have said what is signed. */
export interface Emitter {
  /** As Wormhole numbers chains. */
  readonly chain: number;
  /** Hexadecimal, 32 bytes. */
  readonly address: string;
}

/** The root of a Merkle tree over all messages of a slot. */
export interface MerkleRoot {
  readonly slot: bigint;
  readonly root: Uint8Array;
}

const VERSION = 1;
const SIGNATURE_BYTES = 65;
const ROOT_MAGIC = "AUWV";

/** @throws PythUnreadable */
export function readVaa(bytes: Uint8Array): Vaa {
  const reader = new ByteReader(bytes);
  const version = reader.uint(1, "the VAA's version");
  if (version !== VERSION) throw new PythUnreadable(`its VAA has version ${version}, and ${VERSION} is known`);
  const signerSet = reader.uint(4, "the VAA's signer set");
  const signatures = Array.from({ length: reader.uint(1, "the VAA's signatures") }, () => ({
    signer: reader.uint(1, "a signature"),
    signature: reader.take(SIGNATURE_BYTES, "a signature"),
  }));
  const body = reader.take(reader.left, "the VAA's body");
  const inner = new ByteReader(body);
  const timestamp = inner.uint(4, "the VAA's time");
  inner.uint(4, "the VAA's nonce");
  const emitterChain = inner.uint(2, "the VAA's emitter");
  const emitter = Buffer.from(inner.take(32, "the VAA's emitter")).toString("hex");
  const sequence = inner.uint64("the VAA's sequence");
  inner.uint(1, "the VAA's consistency");
  const payload = inner.take(inner.left, "the VAA's payload");
  return { signerSet, signatures, body, timestamp, emitterChain, emitter, sequence, payload };
}

/** The root in a VAA's payload: "AUWV", type 0, slot, size of the ring, 20 bytes. @throws PythUnreadable */
export function readMerkleRoot(payload: Uint8Array): MerkleRoot {
  const reader = new ByteReader(payload);
  if (Buffer.from(reader.take(4, "the root's magic")).toString("latin1") !== ROOT_MAGIC) {
    throw new PythUnreadable(`its VAA's payload does not begin with ${ROOT_MAGIC}`);
  }
  const type = reader.uint(1, "the root's type");
  if (type !== 0) throw new PythUnreadable(`its VAA's payload is of type ${type}, and 0 is known`);
  const slot = reader.uint64("the root's slot");
  reader.uint(4, "the root's ring");
  return { slot, root: reader.take(20, "the root") };
}
