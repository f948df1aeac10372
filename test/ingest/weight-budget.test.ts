import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { createLogger } from "../../infra/logging.js";
import { RestClient } from "../../ingest/rest-client.js";
import { WeightBudgets } from "../../ingest/weight-budget.js";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A venue that counts what both of its APIs spend as one. */
async function venue(headers: Record<string, string> = {}, statuses: number[] = []) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(statuses.shift() ?? 200, headers).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  const budgets = new WeightBudgets();
  let now = 60_000_000;
  const client = (pool: string) => {
    const logger = createLogger({ level: "silent" });
    const budget = budgets.of(pool);
    const made = new RestClient({
      ...{ baseUrl: `http://127.0.0.1:${port}`, weightLimit: 100, logger, budget, clock: () => now, retries: 0 },
    });
    stops.unshift(async () => made.close());
    return made;
  };
  return { asked, client, turn: () => (now += 60_000) };
}

it("clients of one pool spend one weight; another pool has its own", async () => {
  const { asked, client, turn } = await venue();
  const [usdm, coinm, spot] = [client("futures"), client("futures"), client("spot")];
  await usdm.get("/usdm", {}, 80);
  void coinm.get("/coinm", {}, 20).catch(() => {});
  await spot.get("/spot", {}, 80);
  expect(asked).toEqual(["/usdm", "/spot"]);
  turn();
  await usdm.get("/again", {}, 1);
  expect(asked).toContain("/again");
});

it("what the venue says that is spent counts for all of the pool, and so does its pause", async () => {
  const { asked, client } = await venue({ "x-mbx-used-weight-1m": "89", "retry-after": "30" }, [200, 429]);
  const [usdm, coinm] = [client("futures"), client("futures")];
  await usdm.get("/usdm", {}, 1);
  void coinm.get("/heavy", {}, 5).catch(() => {});
  await expect(usdm.get("/light", {}, 1)).rejects.toThrow(/429/);
  void coinm.get("/light", {}, 0).catch(() => {});
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toEqual(["/usdm", "/light"]);
});
