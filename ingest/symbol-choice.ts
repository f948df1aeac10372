import type { SymbolName } from "../schemas/words.js";

const wildcard = "*";
/** The asterisk itself, in an entry: a symbol may have one. */
const asterisk = /%2A/gi;

/** Whether an entry stands for all symbols of a form, and not for one. */
export function isPattern(entry: string): boolean {
  return entry.includes(wildcard);
}

/**
 * Which symbols of a venue's listings are meant: those that are named, and those that a pattern fits. In a pattern `*`
 * stands for any characters but `/` and `:`. `BTC/USD:*` is every contract on BTC/USD, `BTC/*` every spot market of BTC.
 * `%2A` is an asterisk.
 *
 * A symbol belongs to one entry, so that of several processes, which share entries out, one takes it in: to that which
 * names it, else to the first pattern that fits.
 */
export class SymbolChoice {
  /** By the symbol, the entry that names it. */
  readonly #names = new Map<SymbolName, string>();
  readonly #patterns: { readonly entry: string; readonly form: RegExp }[] = [];

  /** @param entries all that the venue is to be asked for, in their order */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      if (isPattern(entry)) this.#patterns.push({ entry, form: formOf(entry) });
      else this.#names.set(entry.replace(asterisk, wildcard), entry);
    }
  }

  /** The entry that a symbol belongs to. */
  entryOf(symbol: SymbolName): string | undefined {
    return this.#names.get(symbol) ?? this.#patterns.find(({ form }) => form.test(symbol))?.entry;
  }
}

function formOf(entry: string): RegExp {
  const parts = entry.split(wildcard).map((part) => part.replace(asterisk, wildcard));
  return new RegExp(`^${parts.map((part) => escaped(part)).join("[^/:]*")}$`, "u");
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
