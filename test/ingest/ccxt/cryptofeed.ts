import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { recording } from "../../recordings.js";

export interface CryptofeedLine {
  readonly t: "header" | "http" | "connect" | "send" | "recv";
  readonly conn: string;
  readonly ts: number;
  readonly url?: string;
  readonly addr?: string;
  readonly data?: string;
  readonly b64?: string;
}

/** A recording of cryptofeed, line by line. */
export function cryptofeed(name: string): readonly CryptofeedLine[] {
  return gunzipSync(readFileSync(recording(`cryptofeed/v3/${name}.jsonl.gz`)))
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as CryptofeedLine);
}

/** What a line's frame was on the wire. */
export function bytesOf({ data, b64 }: CryptofeedLine): string | Uint8Array {
  return data ?? Buffer.from(b64!, "base64");
}

/** The text of a frame, unpacked where it is packed. */
export function textOf(line: CryptofeedLine): string {
  const bytes = bytesOf(line);
  if (typeof bytes === "string") return bytes;
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : Buffer.from(bytes)).toString();
}

const number = /([:[,]\s*)(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=\s*[,\]}])/g;

/** JSON with each number as the digits that stand there; not for texts that have the like within strings. */
export function digits(json: string): unknown {
  return JSON.parse(json.replace(number, '$1"$2"').replace(number, '$1"$2"'));
}
