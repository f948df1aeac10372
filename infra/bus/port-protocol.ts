import type { BusMessage, LastValue } from "./bus.js";
import { payloadLength } from "./encoded-message.js";

/** What a thread says to the hub. */
export type ToHub =
  | { readonly say: "publish"; readonly batch: FlatMessages }
  | { readonly say: "last"; readonly id: number; readonly channel: string }
  | { readonly say: "channels"; readonly id: number }
  | { readonly say: "add"; readonly id: number; readonly channel: string }
  | { readonly say: "addKind"; readonly id: number; readonly kind: string }
  | { readonly say: "remove"; readonly channel: string }
  | { readonly say: "taken"; readonly messages: number; readonly characters: number };

/** What the hub says to a thread. */
export type ToThread =
  | { readonly say: "published"; readonly messages: number; readonly characters: number }
  | { readonly say: "answer"; readonly id: number; readonly value: LastValue | string[] | undefined }
  | { readonly say: "messages"; readonly batch: FlatMessages }
  | { readonly say: "reconnected" };

/** Messages one after the other, five values each: structured clone copies primitives much faster than objects. */
export type FlatMessages = (string | number)[];
const valuesPerMessage = 5;

const kinds: readonly BusMessage["kind"][] = ["value", "increment", "snapshot", "event"];
const kindNumbers = { value: 0, increment: 1, snapshot: 2, event: 3 } as const;

export function flatten(messages: readonly BusMessage[]): FlatMessages {
  const batch: FlatMessages = [];
  for (const { channel, epoch, sequence, kind, payload } of messages) {
    batch.push(channel, epoch, sequence, kindNumbers[kind], payload);
  }
  return batch;
}

export function unflatten(batch: FlatMessages): BusMessage[] {
  const messages: BusMessage[] = [];
  for (let at = 0; at < batch.length; at += valuesPerMessage) {
    messages.push({
      channel: batch[at] as string,
      epoch: batch[at + 1] as number,
      sequence: batch[at + 2] as number,
      kind: kinds[batch[at + 3] as number]!,
      payload: batch[at + 4] as string,
    });
  }
  return messages;
}

/** How much may be under way through a port in one direction, unacknowledged. */
export class Window {
  private messages = 0;
  private characters = 0;

  get open(): boolean {
    return this.messages < mostMessages && this.characters < mostCharacters;
  }

  get empty(): boolean {
    return this.messages === 0;
  }

  add(messages: number, characters: number): void {
    this.messages += messages;
    this.characters += characters;
  }
}

const mostMessages = 10_000;
const mostCharacters = 32 * 1024 * 1024;

export function charactersOf(messages: readonly BusMessage[]): number {
  let characters = 0;
  for (const message of messages) characters += payloadLength(message);
  return characters;
}
