import { hexToBigInt } from "viem";
import { describe, expect, it } from "vitest";
import { oraclesConfig } from "../../../infra/config/oracle-config.js";
import { readAccumulatorUpdate } from "../../../ingest/oracles/pyth/accumulator-update.js";
import { PythUnreadable } from "../../../ingest/oracles/pyth/errors.js";
import { pricesOfUpdate } from "../../../ingest/oracles/pyth/prices-of-update.js";
import { requireSigners, signerOf, signerSetsOf } from "../../../ingest/oracles/pyth/signers.js";
import { readVaa } from "../../../ingest/oracles/pyth/vaa.js";
import { seed } from "../../processors/seed.js";
import { routerUpdates } from "./router-updates.js";
import { signedUpdate, TestSigners } from "./signed-updates.js";

const feedId = "e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43";
const bytesOf = ({ hex }: { readonly hex: string }) => Buffer.from(hex, "hex");
const settings = (more: object = {}) => {
  const { pyth } = oraclesConfig.parse({ pyth: [{ feeds: [{ symbol: "BTC/USD", feedId }], ...more }] });
  return pyth[0]!;
};

/** As the source takes an update. @throws PythUnreadable */
async function take(bytes: Uint8Array, { emitters, signerSets } = settings()) {
  const proven = pricesOfUpdate(bytes, emitters);
  await requireSigners(proven, signerSetsOf(signerSets));
  return proven;
}

describe("what the routers have signed", () => {
  it.each(routerUpdates.updates)("is taken by the settings of today: $source", async (update) => {
    const { vaa, prices } = await take(bytesOf(update));
    expect(vaa.signerSet).toBe(update.set);
    expect(vaa.signatures.map(({ signer }) => signer)).toEqual(update.signers);
    expect(new Date(vaa.timestamp * 1000).toISOString()).toBe(update.time!.replace("Z", ".000Z"));
    expect(prices.length).toBeGreaterThan(0);
    const { price } = update;
    if (price === undefined) return;
    expect(prices[0]).toMatchObject({
      feedId,
      price: BigInt(price.price),
      confidence: BigInt(price.confidence),
      exponent: price.exponent,
      publishTime: BigInt(price.publishTime),
      previousPublishTime: BigInt(price.previousPublishTime),
    });
  });

  it("bears the addresses of both sets, and set 0 has signed who is in set 1", async () => {
    const sets = signerSetsOf(settings().signerSets);
    const { vaa, rotation } = routerUpdates;
    for (const signed of [vaa, rotation]) {
      const read = readVaa(bytesOf(signed));
      expect(read.signatures.map(({ signer }) => signer)).toEqual(signed.signers);
      for (const { signer, signature } of read.signatures) {
        expect(await signerOf(read, signature)).toBe(sets.get(signed.set)!.addresses[signer]);
      }
    }
    // https://wormhole.com/docs/protocol/infrastructure/vaas/: "Core", action 2, chain, new index, count, addresses
    const { payload } = readVaa(bytesOf(rotation));
    expect(Buffer.from(payload.subarray(28, 32)).toString()).toBe("Core");
    const numbers = Buffer.from(payload);
    expect([numbers[32], numbers.readUInt32BE(35), numbers[39]]).toEqual([2, 1, 5]);
    const addresses = Array.from({ length: 5 }, (_, place) => {
      return `0x${numbers.subarray(40 + 20 * place, 60 + 20 * place).toString("hex")}`;
    });
    expect(sets.get(1)!.addresses).toEqual(addresses);
    // not a price, and not of who says prices
    expect(settings().emitters).not.toContainEqual({ chain: 1, address: readVaa(bytesOf(rotation)).emitter });
  });
});

describe("an update with one byte changed", () => {
  const ours = new TestSigners(7, seed);
  const trusted = settings({ signerSets: [{ index: 7, addresses: ours.addresses }] });
  const mine = () =>
    signedUpdate({
      signers: ours,
      prices: [1n, 2n].map((price) => ({ feedId: String(price).repeat(64), price })),
      publishTime: 1_791_030_045,
      slot: 9n,
    });
  const cases = [
    ["of the routers", async () => bytesOf(routerUpdates.updates.at(-1)!), settings()],
    ["of keys of our own", mine, trusted],
  ] as const;

  it.each(cases)("is refused, whichever it is: %s", async (_name, update, trust) => {
    const bytes = await update();
    await take(bytes, trust);
    const { vaa } = readAccumulatorUpdate(bytes);
    const start = bytes.indexOf(vaa);
    const signatures = start + 6;
    /** What nobody signs: each byte is tried with all others. */
    const isUnsigned = (at: number) => at < signatures || at === signatures + 65;
    let random = BigInt(seed);
    for (let at = 0; at < bytes.length; at++) {
      random = (random * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & hexToBigInt("0xffffffffffffffff");
      const masks = isUnsigned(at)
        ? Array.from({ length: 255 }, (_, mask) => mask + 1)
        : [1 + (Number(random >> 56n) % 255)];
      for (const mask of masks) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= mask;
        const why = await take(changed, trust).catch((error: unknown) => error);
        expect(why, `TEST_SEED=${seed}, byte ${at} with ${mask}`).toBeInstanceOf(PythUnreadable);
      }
    }
  });
});

describe("signatures", () => {
  const old = new TestSigners(0, seed);
  const next = new TestSigners(1, seed + 1);
  const price = { prices: [{ feedId, price: 5n }], publishTime: 1_791_030_045, slot: 1n };
  const trusted = (more: object = {}) => {
    return settings({
      signerSets: [
        { index: 0, addresses: old.addresses, until: "2026-10-03T12:20:45Z" },
        { index: 1, addresses: next.addresses, ...more },
      ],
    });
  };
  const refused = async (choice: object, why: RegExp, trust = trusted()) => {
    await expect(take(await signedUpdate({ signers: next, ...price, ...choice }), trust)).rejects.toThrow(why);
  };

  it("of a quorum are enough, of any signers of the set, and by default more than half are one", async () => {
    for (const by of [
      [0, 1, 2],
      [2, 3, 4],
      [0, 1, 2, 3, 4],
    ]) {
      await take(await signedUpdate({ signers: next, by, ...price }), trusted());
    }
    await refused({ by: [1, 4] }, /has 2 signatures, and 3 are needed/);
    await refused({ by: [0, 1, 2] }, /has 3 signatures, and 4 are needed/, trusted({ quorum: 4 }));
    await take(await signedUpdate({ signers: next, by: [3], ...price }), trusted({ quorum: 1 }));
  });

  it("count once each, in order, and all that are there must be right", async () => {
    await refused({ by: [0, 0, 1] }, /out of order/);
    await refused({ by: [2, 1, 0] }, /out of order/);
    const stranger = new TestSigners(1, seed + 2);
    await refused({ signers: stranger }, /is not that of signer 0 of set 1/);
    const twelve = new TestSigners(1, seed + 1, 12);
    await refused({ signers: twelve, by: [0, 1, 2, 11] }, /is not that of signer 11/);
  });

  it("of a set that is not configured are refused by name", async () => {
    await refused({ signers: new TestSigners(2, seed + 1) }, /signed by set 2, and signerSets has 0, 1/);
  });

  it("of a set that was replaced count for what was published until then", async () => {
    await take(await signedUpdate({ signers: old, ...price }), trusted());
    await refused({ signers: old, publishTime: price.publishTime + 1 }, /which counts until 2026-10-03T12:20:45/);
  });

  it("of another emitter are refused, unless it is configured", async () => {
    const other = { chain: 26, address: `0x${"9".repeat(64)}` } as const;
    await refused({ emitter: other }, /emitter 9{64} on chain 26, none of those that are trusted/);
    await refused({ emitter: { ...other, chain: 1 } }, /on chain 1/, {
      ...trusted(),
      emitters: settings({ emitters: [other] }).emitters,
    });
    const update = await signedUpdate({ signers: next, emitter: other, ...price });
    await take(update, { ...trusted(), emitters: settings({ emitters: [other] }).emitters });
  });
});

it("settings that make no sense are refused", () => {
  const { addresses } = new TestSigners(1, seed);
  const parse = (more: object) => oraclesConfig.safeParse({ pyth: [{ feeds: [{ symbol: "A/B", feedId }], ...more }] });
  expect(parse({ signerSets: [{ index: 1, addresses, quorum: 6 }] }).success).toBe(false);
  expect(parse({ signerSets: [{ index: 1, addresses: [addresses[0], addresses[0]] }] }).success).toBe(false);
  expect(parse({ signerSets: [{ index: 1, addresses, until: "soon" }] }).success).toBe(false);
  expect(parse({ emitters: [] }).success).toBe(false);
  expect(settings().url).toBe("https://pyth.dourolabs.app/hermes");
});
