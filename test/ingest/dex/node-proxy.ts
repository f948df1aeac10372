import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** One JSON-RPC question. */
export interface Call {
  readonly method: string;
  readonly id: number;
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  readonly params: any[];
}

export interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
  /** Of HTTP; 200 unless told. */
  readonly status?: number;
  readonly headers?: IncomingHttpHeaders;
}

export type Rule = (call: Call, real: (call?: Call) => Promise<Answer>) => Promise<Answer>;

/** Stands between the plant and a node, and may answer in its place. */
export async function nodeProxy(target: string, rule: Rule) {
  const server = createServer(async (request, response) => {
    const call = JSON.parse(await text(request)) as Call;
    const real = async (asked = call): Promise<Answer> => {
      const headers = { "content-type": "application/json" };
      const answer = await fetch(target, { method: "POST", headers, body: JSON.stringify(asked) });
      return (await answer.json()) as Answer;
    };
    try {
      const { result, error, status = 200, headers } = await rule(call, real);
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: call.id, ...(error === undefined ? { result } : { error }) }));
    } catch {
      // the node is away
      response.destroy();
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
