import { keccak256, recoverAddress } from "viem";
import type { Hex } from "../../evm/chain.js";
import { PythUnreadable } from "./errors.js";
import type { Vaa } from "./vaa.js";

/** Addresses of Wormhole's guardians, in the order of their set. */
export type GuardianSet = readonly Hex[];

/**
 * Checks that more than two thirds of a guardian set have signed a VAA. Costs some milliseconds a signature.
 * https://wormhole.com/docs/protocol/infrastructure/guardians/
 *
 * @param sets the guardians of each set that is trusted, by its index
 * @throws PythUnreadable when the set is unknown, a signature is not its guardian's, or they are too few
 */
export async function requireGuardians(vaa: Vaa, sets: ReadonlyMap<number, GuardianSet>): Promise<void> {
  const set = sets.get(vaa.guardianSet);
  if (set === undefined) throw new PythUnreadable(`its VAA is signed by guardian set ${vaa.guardianSet}, not trusted`);
  const quorum = Math.floor((set.length * 2) / 3) + 1;
  if (vaa.signatures.length < quorum) {
    throw new PythUnreadable(`its VAA has ${vaa.signatures.length} signatures, and ${quorum} are needed`);
  }
  let last = -1;
  for (const { guardian, signature } of vaa.signatures) {
    // in order and each once
    if (guardian <= last) throw new PythUnreadable("its VAA's signatures are out of order");
    last = guardian;
    const signer = await signerOf(vaa, signature);
    if (signer !== set[guardian]?.toLowerCase()) {
      throw new PythUnreadable(`a signature of its VAA is not that of guardian ${guardian}`);
    }
  }
}

/** Who has signed; undefined when nobody can have. */
export async function signerOf({ body }: Pick<Vaa, "body">, signature: Uint8Array): Promise<Hex | undefined> {
  const hex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString("hex")}`;
  try {
    const signer = await recoverAddress({
      hash: keccak256(keccak256(body)),
      signature: { r: hex(signature.subarray(0, 32)), s: hex(signature.subarray(32, 64)), yParity: signature[64]! },
    });
    return signer.toLowerCase() as Hex;
  } catch {
    return undefined;
  }
}
