import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What the routers of Pyth Pro have signed, from where it was published; times are those of the VAAs. */
interface RouterUpdates {
  readonly updates: readonly (Signed & { readonly price?: RecordedPrice })[];
  /** A VAA without its messages. */
  readonly vaa: Signed;
  /** What made set 1 of set 0: Wormhole's guardian set upgrade. */
  readonly rotation: Signed;
}

interface Signed {
  readonly source: string;
  readonly set: number;
  readonly signers: readonly number[];
  readonly time?: string;
  readonly hex: string;
}

interface RecordedPrice {
  readonly price: string;
  readonly confidence: string;
  readonly exponent: number;
  readonly publishTime: number;
  readonly previousPublishTime: number;
}

export const routerUpdates = JSON.parse(
  readFileSync(join(import.meta.dirname, "router-updates.json"), "utf8"),
) as RouterUpdates;
