import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createLogger } from "../../infra/logging.js";
import { RestClient, type RestClientOptions } from "../../ingest/rest-client.js";
import { until } from "./live-rig.js";

const logger = createLogger({ level: "silent" });
let cleanup: (() => void)[] = [];

afterEach(() => {
  for (const clean of cleanup) clean();
  cleanup = [];
});

type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

async function clientTo(answer: Answer, options: Partial<RestClientOptions> = {}) {
  const asked: { url: string; at: number }[] = [];
  const server = createServer((request, response) => {
    asked.push({ url: request.url ?? "", at: performance.now() });
    answer(request, response, asked.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new RestClient({ baseUrl, weightLimit: 6_000, logger, ...options });
  cleanup.push(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return { client, asked, baseUrl };
}

describe("REST client", () => {
  it("gives the text and the URL that was asked", async () => {
    const { client, baseUrl } = await clientTo((_, response) => response.end("[1]"));
    expect(await client.get("/api/v3/depth", { symbol: "BTCUSDT", limit: "5" }, 1)).toEqual({
      text: "[1]",
      url: `${baseUrl}/api/v3/depth?symbol=BTCUSDT&limit=5`,
    });
  });

  it("says why no answer came, not only that none did", async () => {
    const { client, baseUrl } = await clientTo((_, response) => response.destroy());
    await expect(client.get("/x", {}, 1)).rejects.toThrow(`GET ${baseUrl}/x: other side closed`);
  });

  it("obeys Retry-After of 429: nothing leaves before, then everything does", async () => {
    const { client, asked } = await clientTo((_, response, count) => {
      if (count > 1) response.end("ok");
      else response.writeHead(429, { "retry-after": "1" }).end("{}");
    });
    const answers = await Promise.all([client.get("/a", {}, 1), client.get("/b", {}, 1)].map((answer) => answer));
    expect(answers.map(({ text }) => text)).toEqual(["ok", "ok"]);
    const limited = asked.filter(({ at }) => at - asked[0]!.at > 900);
    expect(limited.length).toBeGreaterThanOrEqual(1);
    expect(asked.length).toBe(3);
  });

  it("believes the venue's own count of weight, and waits rather than exceed it", async () => {
    let time = Date.UTC(2025, 0, 1, 0, 0, 59, 980);
    let looks = 0;
    const clock = () => {
      looks++;
      return time;
    };
    const { client, asked } = await clientTo(
      (_, response) => response.writeHead(200, { "x-mbx-used-weight-1m": "5390" }).end("ok"),
      { clock },
    );
    await client.get("/first", {}, 1);
    const second = client.get("/second", {}, 50);
    // it looks at the clock whenever the minute should be over, and waits on while it is not
    const before = looks;
    await until(() => looks >= before + 3, "looked again");
    expect(asked).toHaveLength(1);
    time += 20;
    expect((await second).text).toBe("ok");
    expect(asked).toHaveLength(2);
  });

  it("refuses what waits when it is closed", async () => {
    const clock = () => Date.UTC(2025, 0, 1);
    const { client, asked } = await clientTo(
      (_, response) => response.writeHead(200, { "x-mbx-used-weight-1m": "5390" }).end("ok"),
      { clock },
    );
    await client.get("/first", {}, 1);
    const second = client.get("/second", {}, 50);
    client.close();
    await expect(second).rejects.toThrow("the client was closed");
    expect(asked).toHaveLength(1);
  });

  it("tries again after faults of the server, not after its answers", async () => {
    const { client, asked } = await clientTo((request, response, count) => {
      if (request.url === "/bad") response.writeHead(400).end('{"code":-1121,"msg":"Invalid symbol."}');
      else if (count < 3) response.writeHead(503).end();
      else response.end("ok");
    });
    expect((await client.get("/weak", {}, 1)).text).toBe("ok");
    expect(asked).toHaveLength(3);
    await expect(client.get("/bad", {}, 1)).rejects.toMatchObject({ code: "TP_REST_FAILED", status: 400 });
    expect(asked).toHaveLength(4);
  });

  it("gives up a request that hangs, and one too many that waits", async () => {
    const { client } = await clientTo(() => {}, { timeoutMs: 50, retries: 0, maxQueued: 1, concurrency: 1 });
    const hanging = client.get("/hanging", {}, 1);
    const waiting = client.get("/waiting", {}, 1);
    await expect(client.get("/too-many", {}, 1)).rejects.toThrow("wait already");
    await expect(hanging).rejects.toMatchObject({ code: "TP_REST_FAILED" });
    await expect(waiting).rejects.toMatchObject({ code: "TP_REST_FAILED" });
  });

  it.each([200, 400])("a refusal for too many requests is waited for, also where its status is %i", async (status) => {
    const { client, asked } = await clientTo(
      (_, response, count) => {
        response.statusCode = count === 1 ? status : 200;
        response.end(count === 1 ? '{"error":["EGeneral:Too many requests"]}' : "{}");
      },
      { isRateLimit: (text) => text.includes("Too many"), limitPauseMs: 120 },
    );
    expect((await client.get("/0/public/Trades", {}, 1)).text).toBe("{}");
    expect(asked).toHaveLength(2);
    expect(asked[1]!.at - asked[0]!.at).toBeGreaterThan(110);
  });

  it("keeps the venue's interval between requests", async () => {
    const { client, asked } = await clientTo((_, response) => response.end("{}"), { requestIntervalMs: 150 });
    await Promise.all([1, 2, 3].map((one) => client.get(`/${one}`, {}, 1)));
    expect(asked.map(({ url }) => url)).toEqual(["/1", "/2", "/3"]);
    expect(asked[2]!.at - asked[0]!.at).toBeGreaterThan(200);
  });
});
