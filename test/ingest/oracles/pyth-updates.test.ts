import { Decimal } from "decimal.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAccumulatorUpdate } from "../../../ingest/oracles/pyth/accumulator-update.js";
import { PythUnreadable } from "../../../ingest/oracles/pyth/errors.js";
import { tickOfPrice } from "../../../ingest/oracles/pyth/price-message.js";
import { pricesOfUpdate as pricesOf } from "../../../ingest/oracles/pyth/prices-of-update.js";
import { requireSigners, type SignerSets, signerOf } from "../../../ingest/oracles/pyth/signers.js";
import { readMerkleRoot, readVaa } from "../../../ingest/oracles/pyth/vaa.js";
import { hermesUpdates, pythnetEmitter } from "./hermes-updates.js";

const updates = hermesUpdates();
const pricesOfUpdate = (bytes: Uint8Array) => pricesOf(bytes, [pythnetEmitter]);

describe("recorded updates of Hermes", () => {
  it("prove their prices, which are those that Hermes itself and another decoder have read", () => {
    expect(updates).toHaveLength(7);
    let prices = 0;
    for (const { bytes, parsed, decoded, merkleRoot, slot } of updates) {
      const proven = pricesOfUpdate(bytes);
      expect(proven.slot).toBe(BigInt(slot));
      expect(Buffer.from(readMerkleRoot(proven.vaa.payload).root).toString("hex")).toBe(merkleRoot);
      expect(proven.prices).toHaveLength(decoded.length);
      prices += decoded.length;
      for (const [index, price] of proven.prices.entries()) {
        const other = decoded[index]!;
        expect({
          id: price.feedId,
          price: String(price.price),
          conf: String(price.confidence),
          expo: price.exponent,
          publish_time: Number(price.publishTime),
          prev_publish_time: Number(price.previousPublishTime),
          ema_price: String(price.emaPrice),
          ema_conf: String(price.emaConfidence),
        }).toEqual(Object.fromEntries(Object.entries(other).filter(([key]) => !/proof|merkle/.test(key))));
        const hermes = parsed?.find(({ id }) => id === price.feedId)?.price;
        if (hermes === undefined) continue;
        const { price: text, conf, expo, publish_time } = hermes;
        expect([String(price.price), String(price.confidence)]).toEqual([text, conf]);
        expect([price.exponent, Number(price.publishTime)]).toEqual([expo, publish_time]);
      }
    }
    expect(prices).toBeGreaterThanOrEqual(11);
  });

  it("become ticks: price and confidence by the exponent, at the time of publication", () => {
    for (const { bytes } of updates) {
      const { prices, slot } = pricesOfUpdate(bytes);
      for (const price of prices) {
        const tick = tickOfPrice(price, { exchange: "pyth", symbol: "X/USD" }, slot, 1);
        const ten = new Decimal(10).pow(price.exponent);
        expect(tick.price).toBe(new Decimal(String(price.price)).mul(ten).toFixed());
        expect(tick.confidence).toBe(new Decimal(String(price.confidence)).mul(ten).toFixed());
        expect(tick.exchangeTime).toBe(Number(price.publishTime) * 1_000_000);
      }
    }
  });

  it("are signed by one and the same set of guardians", async () => {
    const guardians = new Map<number, string>();
    let signatures = 0;
    for (const { bytes } of updates) {
      const vaa = readVaa(readAccumulatorUpdate(bytes).vaa);
      expect(vaa.signatures).toHaveLength(13);
      for (const { signer, signature } of vaa.signatures) {
        const address = await signerOf(vaa, signature);
        expect(address).toMatch(/^0x[0-9a-f]{40}$/);
        expect(guardians.get(signer) ?? address, `guardian ${signer}`).toBe(address);
        guardians.set(signer, address!);
        signatures += 1;
      }
    }
    expect(signatures).toBe(91);
    expect(guardians.size).toBeLessThanOrEqual(19);
    expect(new Set(guardians.values()).size).toBe(guardians.size);
    const proven = pricesOfUpdate(updates[0]!.bytes);
    const { vaa } = proven;
    const set = Array.from({ length: 19 }, (_, index) => (guardians.get(index) ?? "0x") as `0x${string}`);
    const sets = (index: number, addresses = set): SignerSets =>
      new Map([[index, { addresses, quorum: 13, until: undefined }]]);
    await requireSigners(proven, sets(4));
    const refused = (trusted: SignerSets, of = vaa) =>
      expect(requireSigners({ ...proven, vaa: of }, trusted)).rejects.toMatchObject({ code: "TP_PYTH_UNREADABLE" });
    await refused(sets(3));
    await refused(
      sets(
        4,
        set.map((address) => address.replace(/.$/, "0") as `0x${string}`),
      ),
    );
    await refused(sets(4), { ...vaa, signatures: vaa.signatures.slice(1) });
    await refused(sets(4), { ...vaa, signatures: vaa.signatures.map(() => vaa.signatures[0]!) });
    await refused(sets(4), { ...vaa, body: vaa.body.map((byte, at) => (at === 60 ? byte ^ 1 : byte)) });
  });
});

describe("an update that was tampered with", () => {
  it("is refused, whichever bit of its messages, proofs, root or emitter it is", () => {
    const flipped = fc.record({
      index: fc.nat(updates.length - 1),
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      bit: fc.nat(7),
    });
    fc.assert(
      fc.property(flipped, ({ index, at, bit }) => {
        const { bytes } = updates[index]!;
        const { vaa } = readAccumulatorUpdate(bytes);
        const payloadLength = readVaa(vaa).payload.length;
        // signatures, times and numbers of the VAA are for the guardians' check
        const from = bytes.indexOf(vaa) + vaa.length - payloadLength;
        const rootAt = from + 4 + 1;
        const spots = bytes.length - rootAt;
        const spot = rootAt + Math.floor(at * spots);
        // slot and size of the ring prove nothing by themselves
        if (spot < rootAt + 12) return;
        const tampered = Buffer.from(bytes);
        tampered[spot]! ^= 1 << bit;
        expect(() => pricesOfUpdate(tampered)).toThrow(PythUnreadable);
      }),
      { numRuns: 500 },
    );
  });

  it("names what is wrong", () => {
    const { bytes } = updates[0]!;
    const price = Buffer.from(bytes);
    const message = readAccumulatorUpdate(bytes).messages[0]!.message;
    price[bytes.indexOf(message) + 40]! ^= 1;
    expect(() => pricesOfUpdate(price)).toThrow(/proof of message 0 does not lead to the root of slot 138886134/);
    const emitter = Buffer.from(bytes);
    emitter[bytes.indexOf("e101faed", 0, "hex")]! ^= 1;
    expect(() => pricesOfUpdate(emitter)).toThrow(/none of those that are trusted/);
    expect(() => pricesOfUpdate(bytes.subarray(0, bytes.length - 1))).toThrow(/ends within a proof/);
    expect(() => pricesOfUpdate(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(/1 bytes follow/);
    expect(() => pricesOfUpdate(Buffer.from("PNAX"))).toThrow(/does not begin with PNAU/);
  });

  it("or cut short never does anything but be refused", () => {
    for (const { bytes } of updates) {
      for (let length = 0; length < bytes.length; length += 7) {
        expect(() => pricesOfUpdate(bytes.subarray(0, length))).toThrow(PythUnreadable);
      }
    }
  });
});

describe("a price", () => {
  const [price] = pricesOfUpdate(updates[0]!.bytes).prices;
  const tick = (fields: object) => tickOfPrice({ ...price!, ...fields }, { exchange: "pyth", symbol: "A/B" }, 1n, 1);

  it("may have any exponent that history can hold", () => {
    expect(tick({ price: 5n, confidence: 2n, exponent: 3 })).toMatchObject({ price: "5000", confidence: "2000" });
    expect(tick({ price: 5n, exponent: 0 })).toMatchObject({ price: "5" });
    expect(tick({ price: 2n ** 63n - 1n, exponent: -12 })).toMatchObject({ price: "9223372.036854775807" });
  });

  it.each([{ price: 0n }, { price: -1n }, { exponent: -19 }, { exponent: 40 }, { publishTime: 0n }])(
    "that is none is refused: %o",
    (fields) => {
      expect(() => tick(fields)).toThrow(PythUnreadable);
    },
  );
});
