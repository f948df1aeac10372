import { BaseError, HttpRequestError, ResponseBodyTooLargeError, RpcRequestError } from "viem";

/**
 * What a node's failure is about.
 * - `limited`: it is asked too often; the same is answered later.
 * - `too_much`: the answer would be too large, the range too long, or it takes too long.
 * - `reverted`: the contract itself refuses.
 * - `unknown_block`: it does not know the block, yet or any more.
 * - `refused`: it answers with any other error.
 * - `lost`: it does not answer.
 */
export interface NodeFailure {
  readonly kind: "limited" | "too_much" | "reverted" | "unknown_block" | "refused" | "lost";
  /** In the node's words. */
  readonly why: string;
  /** When it says so. */
  readonly retryAfterMs?: number;
}

/**
 * JSON-RPC has no code that all nodes share: -32005 (EIP-1474, "limit exceeded") is said of rates, sizes and ranges alike,
 * so the words decide. Sources: the error tables of Alchemy, Infura and MegaNode, and messages of public nodes (2024 to 2026).
 */
const TOO_MUCH =
  /more than \d+ (results|logs)|(block|log|query) ?range|range (is )?(too|limit|exceed)|response size|too large|too many (logs|results|blocks)|max(imum)? (block|range|results|response)|results? (limit|exceed)|exceeds? (the )?(max|limit of \d+ ?(blocks?|results))|\d+ blocks? (range|distance)|timeout|timed out|took too long/i;
const RATE =
  /\brate\b|too many requests|requests? per|per second|throttl|compute units?|ran out of cu|capacity|quota|credits|try again (in|later)|back ?off|slow down/i;
const UNKNOWN_BLOCK =
  /unknown block|(block|header)( for hash)?( \S+)? (is )?not found|could not find (the )?block|missing trie node|resource not found|unfinalized|not yet available|beyond (the )?current head/i;
const LIMIT_CODES = new Set([429, -32_029, -32_016, -32_090]);
const EITHER_CODES = new Set([-32_005]);

export function nodeFailure(error: unknown): NodeFailure {
  const why = whyOf(error);
  if (!(error instanceof BaseError)) return { kind: "lost", why };
  const of = <Kind>(kind: abstract new (...args: never[]) => Kind): Kind | undefined =>
    (error.walk((cause) => cause instanceof kind) as Kind | null) ?? undefined;
  if (of(ResponseBodyTooLargeError)) return { kind: "too_much", why };
  const refusal = of(RpcRequestError);
  const http = of(HttpRequestError);
  const status = refusal?.status ?? http?.status;
  const retryAfterMs = secondsOf((refusal?.headers ?? http?.headers)?.get("retry-after"));
  const limited = { kind: "limited", why, ...(retryAfterMs !== undefined && { retryAfterMs }) } as const;
  if (status === 429 || (status === 503 && retryAfterMs !== undefined)) return limited;
  if (status === 413) return { kind: "too_much", why };
  if (refusal === undefined) return { kind: "lost", why };
  const { code } = refusal;
  if (LIMIT_CODES.has(code)) return limited;
  if (code === 3 || /revert/i.test(why)) return { kind: "reverted", why };
  if (UNKNOWN_BLOCK.test(why)) return { kind: "unknown_block", why };
  if (TOO_MUCH.test(why)) return { kind: "too_much", why };
  if (RATE.test(why)) return limited;
  return { kind: EITHER_CODES.has(code) ? "too_much" : "refused", why };
}

/** Seconds, or a date. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
function secondsOf(text: string | null | undefined): number | undefined {
  if (!text) return undefined;
  const seconds = Number(text);
  const ms = Number.isNaN(seconds) ? Date.parse(text) - Date.now() : seconds * 1_000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

export function whyOf(error: unknown): string {
  if (error instanceof BaseError) return (error.details || error.shortMessage).split("\n")[0]!;
  const message = error instanceof Error ? error.message : (error as { message?: unknown } | null)?.message;
  return String(message ?? error).split("\n")[0]!;
}
