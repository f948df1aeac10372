import { z } from "zod";
import { LONGEST_VENUE, nameFault } from "../../schemas/names.js";

/** The vocabulary that the sections of the configuration share. */

/** A venue's id, as ccxt spells it; `aggregate` is what values over all venues are called. */
export const venueId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]*$/, "expected a venue id such as binance (lower case letters, digits, - and _)")
  // a pool's fee tier may follow it
  .max(LONGEST_VENUE - 8)
  .refine((id) => id !== "aggregate", "`aggregate` names the values over all venues and can not be a venue");

/** A unified symbol, as ccxt: `BTC/USDT`, `BTC/USDT:USDT`. */
export const symbolName = z.string().superRefine((text, context) => {
  const isMarket = /^[^/:]+\/[^/:]+(:[^/:]+)?$/.test(text);
  const message = isMarket ? nameFault(text) : "expected a unified symbol such as BTC/USDT or BTC/USDT:USDT";
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

/** A symbol, or a pattern of symbols in which `*` stands for any characters but `/` and `:`, and `%2A` for an asterisk. */
export const symbolPattern = z.string().superRefine((text, context) => {
  const filled = text.replace(/%2A|\*/gi, "X");
  const isMarket = /^[^/:]+\/[^/:]+(:[^/:]+)?$/.test(filled);
  const message = isMarket
    ? nameFault(filled)
    : "expected a unified symbol such as BTC/USDT, or a pattern such as */USDT";
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

/** Of an index: what its channel is named after. */
export const indexName = z.string().superRefine((text, context) => {
  const message = /[/:]/.test(text) ? "expected a name without / and :" : nameFault(text);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

/** Text, not a YAML number: a float never stands for an exact value. */
export const decimalText = z
  .string('expected an exact decimal in quotes, e.g. "0.05"')
  .regex(/^\d{1,38}(\.\d{1,38})?$/, 'expected an exact decimal, e.g. "0.05"');

export const port = z.int().min(0).max(65535);

export const httpUrl = urlOf(["http:", "https:"]);
export const webSocketUrl = urlOf(["ws:", "wss:"]);

/** An address of a node: HTTP or WebSocket. */
export const rpcUrl = urlOf(["http:", "https:", "ws:", "wss:"]);

/** A whole number of at least `least`. */
export const whole = (least = 0) => z.int().min(least);

export const milliseconds = whole(0);

/** A list in which nothing stands twice. */
export function unique<Item extends z.ZodType>(item: Item, identity: (value: z.output<Item>) => string) {
  return z.array(item).superRefine((values, context) => {
    const seen = new Set<string>();
    values.forEach((value, index) => {
      const id = identity(value);
      if (seen.has(id)) {
        context.addIssue({ code: "custom", path: [index], message: `${id} stands in this list twice` });
      }
      seen.add(id);
    });
  });
}

function urlOf(protocols: readonly string[]) {
  const expected = `expected a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`;
  return z.string().superRefine((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !protocols.includes(url.protocol)) {
      context.addIssue({ code: "custom", message: expected });
    } else if (url.username !== "" || url.password !== "") {
      context.addIssue({
        code: "custom",
        message: "user and password belong into keys of their own, not into the URL",
      });
    }
  });
}
