import { HermesRefused, PythUnreadable } from "./errors.js";

/** Where prices come from: a Hermes server and the feeds that are wanted of it. */
export interface HermesRequest {
  readonly url: string;
  /** Hermes wants one since 2026-08-26; empty for a server that wants none. */
  readonly key?: string;
  /** Hexadecimal, without 0x. */
  readonly feedIds: readonly string[];
}

/** What Hermes hands out beside its own reading of it, which is not used: only the bytes prove anything. */
interface HermesAnswer {
  readonly binary?: { readonly encoding?: unknown; readonly data?: unknown };
}

const MOST_BYTES = 4 * 1024 * 1024;

/** Addresses of Hermes's API. https://docs.pyth.network/price-feeds/core/api-reference */
function addressOf({ url, feedIds }: HermesRequest, path: string): string {
  const query = feedIds.map((id) => `ids[]=${id}`).join("&");
  return `${url.replace(/\/$/, "")}/v2/updates/price/${path}?${query}&encoding=hex&parsed=false`;
}

/** https://docs.pyth.network/price-feeds/pro/pyth-core-upgrade (2026-08-26) */
const authorization = (key = ""): Record<string, string> => (key === "" ? {} : { authorization: `Bearer ${key}` });

/** The newest update of each feed. @throws PythUnreadable when the answer is no update; HermesRefused; fetch's own errors */
export async function latestUpdates(request: HermesRequest, signal: AbortSignal): Promise<Uint8Array[]> {
  const response = await fetch(addressOf(request, "latest"), { signal, headers: authorization(request.key) });
  await requireOk(response, request);
  return updatesOf(await textOf(response));
}

/**
 * Updates as they come, by server-sent events, until the server ends it.
 *
 * A stream's key stands in its address as well: the SDK, whose event sources have no headers, sends it there
 * (@pythnetwork/hermes-client 3.1.0, 2026-05-04).
 *
 * @param alive called with every sign of life
 * @throws HermesRefused, fetch's own errors, the server's own word that it ends the stream; an event that can not be read
 *   is given to `unreadable`
 */
export async function* streamedUpdates(
  request: HermesRequest,
  signal: AbortSignal,
  alive: () => void,
  unreadable: (text: string, error: PythUnreadable) => void,
): AsyncGenerator<Uint8Array[]> {
  const { key = "" } = request;
  const token = key === "" ? "" : `&ACCESS_TOKEN=${encodeURIComponent(key)}`;
  const headers = { accept: "text/event-stream", ...authorization(key) };
  const response = await fetch(addressOf(request, "stream") + token, { signal, headers });
  await requireOk(response, request);
  alive();
  let rest = "";
  for await (const piece of texts(response)) {
    alive();
    const events = bounded(rest + piece.replaceAll("\r", "")).split("\n\n");
    rest = events.pop()!;
    for (const event of events) {
      const data = fieldOf(event, "data");
      if (data === "") continue;
      // "Connection timeout reached (24h)": pyth-crosschain, apps/hermes/server/src/api/rest/v2/sse.rs
      if (fieldOf(event, "event") === "error") throw new Error(`Hermes says: ${data.slice(0, 200)}`);
      try {
        yield updatesOf(data);
      } catch (error) {
        if (!(error instanceof PythUnreadable)) throw error;
        unreadable(data, error);
      }
    }
  }
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html: a field's lines, joined; comments begin with `:`. */
const fieldOf = (event: string, field: string): string =>
  event
    .split("\n")
    .filter((line) => line.startsWith(`${field}:`))
    .map((line) => line.slice(field.length + 1).trimStart())
    .join("\n");

/** The updates' bytes. @throws PythUnreadable */
export function updatesOf(text: string): Uint8Array[] {
  let answer: HermesAnswer;
  try {
    answer = JSON.parse(text) as HermesAnswer;
  } catch {
    throw new PythUnreadable("Hermes's answer is not JSON");
  }
  const { encoding, data } = answer?.binary ?? {};
  const isKnown = encoding === "hex" || encoding === "base64";
  if (!isKnown || !Array.isArray(data) || data.some((one) => typeof one !== "string")) {
    throw new PythUnreadable("Hermes's answer has no binary data in hex or base64");
  }
  return (data as string[]).map((one) => Buffer.from(one, encoding));
}

/** @throws HermesRefused; its message has no key in it */
async function requireOk(response: Response, { url, key = "" }: HermesRequest): Promise<void> {
  if (response.ok) return;
  const [server, asked] = [new URL(response.url).origin, new URL(url).origin];
  const answer = (await textOf(response).catch(() => "")).trim();
  const told = key === "" ? answer : answer.replaceAll(key, "…");
  throw new HermesRefused(server, response.status, told, server === asked ? undefined : asked);
}

async function textOf(response: Response): Promise<string> {
  let text = "";
  for await (const piece of texts(response)) text = bounded(text + piece);
  return text;
}

async function* texts(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  for await (const bytes of response.body) yield decoder.decode(bytes as Uint8Array, { stream: true });
}

function bounded(text: string): string {
  if (text.length > MOST_BYTES) throw new Error(`an answer of more than ${MOST_BYTES} bytes`);
  return text;
}
