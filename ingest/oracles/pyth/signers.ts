import { keccak256, recoverAddress } from "viem";
import type { PythConfig } from "../../../infra/config/oracle-config.js";
import type { Micros } from "../../../schemas/words.js";
import type { Hex } from "../../evm/chain.js";
import { PythUnreadable } from "./errors.js";
import type { PriceMessage } from "./price-message.js";
import type { Vaa } from "./vaa.js";

/** Whose signatures count. */
export interface SignerSet {
  /** In the order of their places in the set. */
  readonly addresses: readonly Hex[];
  /** How many of them must have signed. */
  readonly quorum: number;
  /** What was published later is not theirs to sign any more. */
  readonly until: Micros | undefined;
}

export type SignerSets = ReadonlyMap<number, SignerSet>;

/** The configured sets by their index; more than half of a set must have signed where nothing else is said. */
export function signerSetsOf(config: PythConfig["signerSets"]): SignerSets {
  return new Map(
    config.map(({ index, addresses, quorum, until }) => {
      const set = {
        addresses,
        quorum: quorum ?? Math.floor(addresses.length / 2) + 1,
        until: until === undefined ? undefined : Date.parse(until) * 1000,
      };
      return [index, set] as const;
    }),
  );
}

/**
 * Checks that a quorum of a trusted set has signed what an update proves. Each signature that is there must be its signer's,
 * as the contracts of Pyth and Wormhole demand. Costs some milliseconds a signature.
 *
 * @throws PythUnreadable when the set is unknown or was replaced, a signature is not its signer's, or they are too few
 */
export async function requireSigners(
  { vaa, prices }: { readonly vaa: Vaa; readonly prices: readonly PriceMessage[] },
  sets: SignerSets,
): Promise<void> {
  const set = sets.get(vaa.signerSet);
  if (set === undefined) {
    const known = [...sets.keys()].join(", ");
    throw new PythUnreadable(
      `its VAA is signed by set ${vaa.signerSet}, and signerSets has ${known}: add the set, if it is Pyth's`,
    );
  }
  // by what is signed, lest a replaced set's keys sign anything new
  const newest = prices.reduce((time, { publishTime }) => Math.max(time, Number(publishTime)), vaa.timestamp);
  if (set.until !== undefined && newest * 1_000_000 > set.until) {
    const [from, until] = [newest * 1_000, set.until / 1_000].map((ms) => new Date(ms).toISOString());
    throw new PythUnreadable(`its prices of ${from} are signed by set ${vaa.signerSet}, which counts until ${until}`);
  }
  if (vaa.signatures.length < set.quorum) {
    throw new PythUnreadable(`its VAA has ${vaa.signatures.length} signatures, and ${set.quorum} are needed`);
  }
  let last = -1;
  for (const { signer, signature } of vaa.signatures) {
    // in order and each once
    if (signer <= last) throw new PythUnreadable("its VAA's signatures are out of order");
    last = signer;
    const address = await signerOf(vaa, signature);
    if (address === undefined || address !== set.addresses[signer]) {
      throw new PythUnreadable(`a signature of its VAA is not that of signer ${signer} of set ${vaa.signerSet}`);
    }
  }
}

/** Who has signed; undefined when nobody can have. */
export async function signerOf({ body }: Pick<Vaa, "body">, signature: Uint8Array): Promise<Hex | undefined> {
  const hex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString("hex")}`;
  const yParity = signature[64]!;
  // viem reads 27 and 28 as well, which other chains write for them
  if (yParity > 1) return undefined;
  try {
    const signer = await recoverAddress({
      hash: keccak256(keccak256(body)),
      signature: { r: hex(signature.subarray(0, 32)), s: hex(signature.subarray(32, 64)), yParity },
    });
    return signer.toLowerCase() as Hex;
  } catch {
    return undefined;
  }
}
