import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";

/** A secret for one run of the store: 256 bits. */
export function newSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** Where the secret of the store in this folder stands while it runs. */
export function secretFile(folder: string): string {
  return `${folder}.secret`;
}

/**
 * Puts the secret where the plant's user alone can read it, for `curl` on this machine:
 * `-u plant:$(cat data/store.secret)`. A file or link that stands there is replaced, not written through.
 */
export function writeSecret(folder: string, secret: string): void {
  const file = secretFile(folder);
  rmSync(file, { force: true });
  writeFileSync(file, secret, { mode: 0o600, flag: "wx" });
}

export function removeSecret(folder: string): void {
  rmSync(secretFile(folder), { force: true });
}
