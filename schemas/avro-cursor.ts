import { LARGEST_LONG } from "./avro-bytes.js";
import { UnreadableRecord } from "./errors.js";

const LOW_BITS = 2 ** 27;
const EMPTY = Buffer.alloc(0);

/**
 * Walks over Avro's binary primitives without making anything of them. Every step is checked against the end, so that
 * garbage neither reads outside nor loops forever.
 */
export class AvroCursor {
  /** What is being read; texts are given as positions in it. */
  bytes: Buffer = EMPTY;
  protected at = 0;
  protected end = 0;

  protected unreadable(what: string): UnreadableRecord {
    return new UnreadableRecord(`a record of ${this.end} bytes has ${what} at byte ${this.at}`);
  }

  /** Zigzag variable-length integer. @throws UnreadableRecord when truncated or beyond safe integers */
  protected long(): number {
    const bytes = this.bytes;
    let at = this.at;
    const first = at < this.end ? bytes[at]! : 0x80;
    if (first < 0x80) {
      this.at = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    const end = this.end;
    let low = 0;
    let shift = 0;
    let byte = 0x80;
    for (; byte >= 0x80 && shift < 28 && at < end; shift += 7) {
      byte = bytes[at++]!;
      low |= (byte & 0x7f) << shift;
    }
    let high = 0;
    for (shift = 0; byte >= 0x80 && shift < 28 && at < end; shift += 7) {
      byte = bytes[at++]!;
      high |= (byte & 0x7f) << shift;
    }
    if (byte >= 0x80) throw this.unreadable("a truncated or oversized number");
    this.at = at;
    const magnitude = (low >>> 1) + high * LOW_BITS;
    if (magnitude > LARGEST_LONG) throw this.unreadable("a number beyond safe integers");
    return (low & 1) === 0 ? magnitude : -1 - magnitude;
  }

  /** Steps over a text and returns where its bytes start; they end at the new position. */
  protected text(): number {
    let length = this.at < this.end ? this.bytes[this.at]! : 0x80;
    if (length < 0x80 && (length & 1) === 0) {
      this.at++;
      length >>>= 1;
    } else length = this.long();
    const start = this.at;
    if (length < 0 || start + length > this.end) throw this.unreadable("a text that runs past the end");
    this.at = start + length;
    return start;
  }

  protected byte(): number {
    if (this.at >= this.end) throw this.unreadable("its end too early");
    return this.bytes[this.at++]!;
  }

  /** Whether a nullable field is there. */
  protected present(): boolean {
    const branch = this.byte();
    if (branch === 2) return true;
    if (branch !== 0) throw this.unreadable("an unknown branch of a union");
    return false;
  }

  protected required(): void {
    if (this.at >= this.end || this.bytes[this.at] !== 2) throw this.unreadable("no value where its kind needs one");
    this.at++;
  }

  protected flag(): boolean {
    const value = this.byte();
    if (value > 1) throw this.unreadable("an unknown boolean");
    return value === 1;
  }

  /** Index of an enum's symbol. */
  protected symbolOf(symbols: number): number {
    const index = this.long();
    if (index < 0 || index >= symbols) throw this.unreadable("an unknown symbol of an enum");
    return index;
  }

  /** Steps over as many nulls, or stays and says no when there are not so many. */
  protected nulls(count: number): boolean {
    const stop = this.at + count;
    if (stop > this.end) return false;
    const bytes = this.bytes;
    for (let at = this.at; at < stop; at++) if (bytes[at] !== 0) return false;
    this.at = stop;
    return true;
  }

  /** Items of an array's next block, 0 at its end; an item takes at least so many bytes. */
  protected block(bytesEach: number): number {
    let count = this.long();
    if (count < 0) {
      // a writer may give the block's length in bytes after a negative count
      count = -count;
      this.long();
    }
    if (count * bytesEach > this.end - this.at) throw this.unreadable("an array longer than the record");
    return count;
  }
}
