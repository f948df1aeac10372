import { PythUnreadable } from "./errors.js";

/** Where prices come from: a Hermes server and the feeds that are wanted of it. */
export interface HermesRequest {
  readonly url: string;
  /** Hexadecimal, without 0x. */
  readonly feedIds: readonly string[];
}

/** What Hermes hands out beside its own reading of it, which is not used: only the bytes prove anything. */
interface HermesAnswer {
  readonly binary?: { readonly encoding?: unknown; readonly data?: unknown };
}

const MOST_BYTES = 4 * 1024 * 1024;

/** Addresses of Hermes's API. https://hermes.pyth.network/docs */
function addressOf({ url, feedIds }: HermesRequest, path: string): string {
  const query = feedIds.map((id) => `ids[]=${id}`).join("&");
  return `${url.replace(/\/$/, "")}/v2/updates/price/${path}?${query}&encoding=hex&parsed=false`;
}

/** The newest update of each feed. @throws PythUnreadable when the answer is no update; fetch's own errors */
export async function latestUpdates(request: HermesRequest, signal: AbortSignal): Promise<Uint8Array[]> {
  const response = await fetch(addressOf(request, "latest"), { signal });
  await requireOk(response);
  let text = "";
  for await (const piece of texts(response)) text = bounded(text + piece);
  return updatesOf(text);
}

/**
 * Updates as they come, by server-sent events, until the server ends it.
 *
 * @param alive called with every sign of life
 * @throws fetch's own errors; an event that can not be read is given to `unreadable`
 */
export async function* streamedUpdates(
  request: HermesRequest,
  signal: AbortSignal,
  alive: () => void,
  unreadable: (text: string, error: PythUnreadable) => void,
): AsyncGenerator<Uint8Array[]> {
  const response = await fetch(addressOf(request, "stream"), { signal, headers: { accept: "text/event-stream" } });
  await requireOk(response);
  alive();
  let rest = "";
  for await (const piece of texts(response)) {
    alive();
    const events = bounded(rest + piece.replaceAll("\r", "")).split("\n\n");
    rest = events.pop()!;
    for (const event of events) {
      const data = dataOf(event);
      if (data === "") continue;
      try {
        yield updatesOf(data);
      } catch (error) {
        if (!(error instanceof PythUnreadable)) throw error;
        unreadable(data, error);
      }
    }
  }
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html: lines of `data:`, joined; comments begin with `:`. */
const dataOf = (event: string): string =>
  event
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).trimStart())
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

async function requireOk(response: Response): Promise<void> {
  if (response.ok) return;
  await response.body?.cancel();
  throw new Error(`${new URL(response.url).origin} answers ${response.status}`);
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
