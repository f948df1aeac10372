import { concat, type Hex, keccak256, numberToHex, pad } from "viem";
import { privateKeyToAccount, sign } from "viem/accounts";

/** Keys of our own, in the places of a set of signers. */
export class TestSigners {
  readonly keys: readonly Hex[];

  constructor(
    readonly index: number,
    seed: number,
    count = 5,
  ) {
    this.keys = Array.from({ length: count }, (_, place) => keccak256(numberToHex(seed * 1_000 + place, { size: 32 })));
  }

  get addresses(): Hex[] {
    return this.keys.map((key) => privateKeyToAccount(key).address);
  }
}

export interface PriceChoice {
  readonly feedId: string;
  readonly price: bigint;
  readonly confidence?: bigint;
  readonly exponent?: number;
}

export interface UpdateChoice {
  readonly signers: TestSigners;
  /** Places of those who sign, in the order in which their signatures stand. */
  readonly by?: readonly number[];
  readonly prices: readonly PriceChoice[];
  /** Seconds since the epoch. */
  readonly publishTime: number;
  readonly slot: bigint;
  readonly emitter?: { readonly chain: number; readonly address: Hex };
}

const uint = (value: bigint | number, size: number): Hex => numberToHex(value, { size });
const int = (value: bigint | number, size: number): Hex => numberToHex(value, { size, signed: true });
const hash160 = (...parts: Hex[]): Hex => keccak256(concat(parts)).slice(0, 42) as Hex;
const text = (letters: string): Hex => `0x${Buffer.from(letters).toString("hex")}`;

/** Written from the format's description, beside the code that reads it. */
export async function signedUpdate(choice: UpdateChoice): Promise<Buffer> {
  const { signers, by = [0, 2, 4], prices, publishTime, slot } = choice;
  const emitter = choice.emitter ?? { chain: 26, address: text("PythnetPythnetPythnetPythnetPyth") };
  const messages = prices.map(({ feedId, price, confidence = 1n, exponent = -8 }) =>
    concat([
      ...["0x00" as const, `0x${feedId}` as const, int(price, 8), uint(confidence, 8), int(exponent, 4)],
      ...[uint(publishTime, 8), uint(publishTime - 1, 8), int(price, 8), uint(confidence, 8)],
    ]),
  );
  const { root, proofs } = tree(messages);
  const payload = concat([text("AUWV"), "0x00", uint(slot, 8), uint(0, 4), root]);
  const origin = concat([uint(emitter.chain, 2), pad(emitter.address, { size: 32 }), uint(slot, 8), "0x00"]);
  const body = concat([uint(publishTime, 4), uint(0, 4), origin, payload]);
  const hash = keccak256(keccak256(body));
  const signatures = await Promise.all(
    by.map(async (place) => {
      const { r, s, yParity } = await sign({ hash, privateKey: signers.keys[place]! });
      return concat([uint(place, 1), pad(r, { size: 32 }), pad(s, { size: 32 }), uint(yParity!, 1)]);
    }),
  );
  const vaa = concat(["0x01", uint(signers.index, 4), uint(by.length, 1), ...signatures, body]);
  const proven = messages.map((message, at) =>
    concat([uint((message.length - 2) / 2, 2), message, uint(proofs[at]!.length, 1), ...proofs[at]!]),
  );
  const head = concat([text("PNAU"), "0x01000000", uint((vaa.length - 2) / 2, 2), vaa, uint(messages.length, 1)]);
  return Buffer.from(concat([head, ...proven]).slice(2), "hex");
}

/** Leaves behind a 0, nodes behind a 1 with the smaller child first, empty places behind a 2. */
function tree(messages: readonly Hex[]): { root: Hex; proofs: Hex[][] } {
  const width = 2 ** Math.ceil(Math.log2(Math.max(2, messages.length)));
  let row = Array.from({ length: width }, (_, at) => {
    return at < messages.length ? hash160("0x00", messages[at]!) : hash160("0x02");
  });
  const proofs: Hex[][] = messages.map(() => []);
  for (let height = 0; row.length > 1; height++) {
    for (const [at, proof] of proofs.entries()) proof.push(row[(at >> height) ^ 1]!);
    const pairs = Array.from({ length: row.length / 2 }, (_, pair) => row.slice(2 * pair, 2 * pair + 2).sort());
    row = pairs.map(([first, second]) => hash160("0x01", first!, second!));
  }
  return { root: row[0]!, proofs };
}
