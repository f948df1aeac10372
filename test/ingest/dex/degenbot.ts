import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { recording } from "../../recordings.js";

const archive = "degenbot/onchain-parity.tar.gz";
const BLOCK = 512;

/** A JSON file of the archive; whole numbers too long for a double come as bigints, all others as they are. */
export function degenbot(name: string): unknown {
  const tar = gunzipSync(readFileSync(recording(archive)));
  let longName: string | undefined;
  for (let at = 0; at + BLOCK <= tar.length; ) {
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8) || 0;
    const type = String.fromCharCode(tar[at + 156]!);
    const body = tar.toString("utf8", at + BLOCK, at + BLOCK + size);
    const path = longName ?? tar.toString("latin1", at, at + 100).replace(/\0.*$/s, "");
    // a name that is too long for its place stands before, in GNU's way or in that of POSIX
    longName = type === "L" ? body.replace(/\0.*$/s, "") : type === "x" ? /path=(.*)\n/.exec(body)?.[1] : undefined;
    if (type === "0" && path.endsWith(name)) return parse(body);
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
  throw new Error(`${archive} holds no ${name}`);
}

const parse = (text: string): unknown =>
  JSON.parse(text.replace(/([:[,]\s*)(-?\d{16,})(?=\s*[,\]}])/g, '$1"#$2"'), (_key, value: unknown) =>
    typeof value === "string" && value.startsWith("#") ? BigInt(value.slice(1)) : value,
  );
