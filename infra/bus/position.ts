/** Where a message stands in its channel. Epochs come first, sequences count within one. */
export interface Position {
  readonly epoch: number;
  readonly sequence: number;
}

/** Whether nothing is missing between `before` and a message, by the numbers or by the message's own word. */
export function isNext(before: Position, message: Placed): boolean {
  if (message.epoch !== before.epoch) return false;
  return message.sequence === before.sequence + 1 || previousSequence(message.payload) === before.sequence;
}

type Placed = Position & { readonly payload: string };

/**
 * Whether nothing is missing in a book's increments. A Redis that took another's place without the newest of what that one
 * had goes on from an older message: what lies between is in neither.
 */
export function isUnbroken(value: Position, increments: readonly Placed[]): boolean {
  let before = value;
  for (const increment of increments) {
    if (!isNext(before, increment)) return false;
    before = increment;
  }
  return true;
}

const previousField = '"previous_sequence":';

function previousSequence(payload: string): number | undefined {
  const at = payload.lastIndexOf(previousField);
  return at < 0
    ? undefined
    : Number.parseInt(payload.slice(at + previousField.length, at + previousField.length + 20), 10);
}
