import { Command } from "ioredis";

/** A command that is written already, as ioredis's own scripts write theirs. */
export class WrittenCommand extends Command {
  readonly #bytes: Buffer;

  /**
   * @param args  as far as the client asks for them: up to the key, which tells the node of a cluster
   * @param bytes all of it as it goes over the wire
   */
  constructor(name: string, args: string[], bytes: Buffer) {
    super(name, args);
    this.#bytes = bytes;
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}
