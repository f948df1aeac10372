import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Frame } from "../../ingest/venue.js";
import { recording } from "../recordings.js";

export type FrameKind = "trade" | "bookTicker" | "depth" | "snapshot";

export interface RecordedFrame extends Frame {
  readonly kind: FrameKind;
}

/** The frames of one of hftbacktest's recordings (`<receive time, ns> <json>`), the REST snapshot among them. */
export function recordedFrames(name: string, nativeId: string): RecordedFrame[] {
  const text = gunzipSync(readFileSync(recording(`hftbacktest/${name}.gz`))).toString("utf8");
  const frames: RecordedFrame[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const space = line.indexOf(" ");
    const json = line.slice(space + 1);
    const receiveTime = Math.floor(Number(line.slice(0, space)) / 1000);
    const kind = kindOf(json);
    const origin =
      kind === "snapshot" ? { url: `https://rest/depth?symbol=${nativeId}&limit=1000` } : { socket: "market-1" };
    frames.push({ kind, text: json, receiveTime, origin });
  }
  return frames;
}

function kindOf(json: string): FrameKind {
  if (json.startsWith('{"lastUpdateId"')) return "snapshot";
  const head = json.slice(0, 60);
  if (head.includes("@trade")) return "trade";
  return head.includes("@bookTicker") ? "bookTicker" : "depth";
}
