const SLOTS = 16_384;
const LIMIT = SLOTS / 2;
const LONGEST = 48;

/**
 * Turns the bytes of names that come again and again (venues, symbols) into the same string object each time, without
 * allocating. Bounded: when 8,192 names are known it forgets them all and begins anew.
 */
export class InternedTexts {
  private readonly slots: (string | undefined)[] = new Array(SLOTS).fill(undefined);
  private known = 0;

  /** The UTF-8 text of bytes[start, end). */
  text(bytes: Buffer, start: number, end: number): string {
    if (end - start > LONGEST) return bytes.toString("utf8", start, end);
    let hash = end - start;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
    let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    for (;;) {
      const candidate = this.slots[slot];
      if (candidate === undefined) return this.learn(slot, bytes.toString("utf8", start, end));
      if (spells(candidate, bytes, start, end)) return candidate;
      slot = (slot + 1) & (SLOTS - 1);
    }
  }

  private learn(slot: number, text: string): string {
    // a text beyond ASCII never equals its bytes one by one: it is decoded each time
    if (/[^\0-\x7f]/.test(text)) return text;
    if (this.known === LIMIT) {
      this.slots.fill(undefined);
      this.known = 0;
    }
    this.slots[slot] = text;
    this.known++;
    return text;
  }
}

function spells(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let at = start; at < end; at++) if (text.charCodeAt(at - start) !== bytes[at]) return false;
  return true;
}
