import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { LeaseNotes } from "../source.js";
import type { PositionStore } from "./chain-journal.js";

/** For one process: a file, written whole. */
export function filePosition(file: string): PositionStore {
  return {
    name: file,
    load: () => readFile(file, "utf8").catch(() => undefined),
    async save(text) {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(`${file}.new`, text, { flush: true });
      await rename(`${file}.new`, file);
    },
  };
}

/** For several: beside the lease, so that whoever takes it over goes on from there, and whoever has lost it changes nothing. */
export function leasedPosition(notes: LeaseNotes, lease: string): PositionStore {
  return {
    name: lease,
    load: () => notes.load(lease),
    async save(text) {
      if (!(await notes.save(lease, text))) throw new Error("the chain is another process's meanwhile");
    },
  };
}
