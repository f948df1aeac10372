import { type FileHandle, open, rm } from "node:fs/promises";
import { constants, createGzip, type Gzip } from "node:zlib";

/**
 * One gzip file that is readable up to its last flush, whatever happens to the process. Calls must not overlap: await
 * each before the next.
 */
export class GzipSegment {
  private out: Buffer[] = [];
  /** Bytes in the file, and how many of them the last flush made readable. */
  private written = 0;
  private readable = 0;
  private failure: Error | undefined;

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    private readonly gzip: Gzip,
  ) {
    gzip.on("data", (bytes: Buffer) => this.out.push(bytes));
    gzip.on("error", (error) => {
      this.failure = error;
    });
  }

  /** Creates the file. @throws when it is there already, or the disk refuses */
  static async create(path: string): Promise<GzipSegment> {
    const handle = await open(path, "wx");
    return new GzipSegment(path, handle, createGzip({ level: 4 }));
  }

  async write(text: string): Promise<void> {
    await new Promise<void>((resolve) => {
      this.gzip.write(text, () => resolve());
    });
    await this.drain();
  }

  /** Everything written so far can be read from the file. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve) => this.gzip.flush(constants.Z_SYNC_FLUSH, () => resolve()));
    await this.drain();
    this.readable = this.written;
  }

  async close(): Promise<void> {
    try {
      await new Promise<void>((resolve) => {
        this.gzip.once("end", resolve);
        this.gzip.once("close", resolve);
        this.gzip.end();
      });
      await this.drain();
    } finally {
      this.gzip.destroy();
      await this.handle.close();
    }
  }

  /** Gives the file up as it was at the last flush; without one, removes it. */
  async abandon(): Promise<void> {
    this.gzip.destroy();
    try {
      if (this.readable === 0) await rm(this.path, { force: true });
      else await this.handle.truncate(this.readable);
    } finally {
      await this.handle.close();
    }
  }

  private async drain(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const { out } = this;
    if (out.length === 0) return;
    this.out = [];
    let bytes = Buffer.concat(out);
    while (bytes.length > 0) {
      const { bytesWritten } = await this.handle.write(bytes);
      bytes = bytes.subarray(bytesWritten);
      this.written += bytesWritten;
    }
  }
}
