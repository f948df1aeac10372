import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { recording } from "../../recordings.js";

export interface RecordedUpdate {
  readonly bytes: Buffer;
  /** As Hermes itself has parsed it, where that was recorded. */
  readonly parsed?: readonly {
    readonly id: string;
    readonly price: { price: string; conf: string; expo: number; publish_time: number };
  }[];
  readonly decoded: readonly Record<string, unknown>[];
  readonly merkleRoot: string;
  readonly slot: number;
}

interface Recorded {
  readonly message: {
    readonly binary: { readonly encoding: "hex" | "base64"; readonly data: readonly [string] };
    readonly parsed?: RecordedUpdate["parsed"];
  };
  readonly decoded_by_collector: RecordedUpdate["decoded"];
  readonly merkle_root: string;
  readonly slot: number;
}

/** Who spoke for Pyth until 2026-08-26, on Pythnet; the recorded updates are of then. */
export const pythnetEmitter = {
  chain: 26,
  address: "e101faedac5851e32b9b23b5f9411a8c2bac4aae3ed4dd7b811dd1a72ea4aa71",
};
/** The settings of an oracle that takes them, without asking for signatures. */
export const asOfPythnet = { emitters: [pythnetEmitter], signerSets: [] };

/** The recorded updates of Hermes. */
export function hermesUpdates(): RecordedUpdate[] {
  const text = gunzipSync(readFileSync(recording("pyth/hermes_updates.json.gz"))).toString();
  return (JSON.parse(text) as Recorded[]).map(({ message, decoded_by_collector, merkle_root, slot }) => ({
    bytes: Buffer.from(message.binary.data[0], message.binary.encoding),
    ...(message.parsed && { parsed: message.parsed }),
    decoded: decoded_by_collector,
    merkleRoot: merkle_root,
    slot,
  }));
}
