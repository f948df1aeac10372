import { pino } from "pino";
import { expect, it } from "vitest";
import { Metrics } from "../../infra/metrics.js";
import { SnapshotRequests } from "../../ingest/snapshot-requests.js";
import type { Rest, RestAnswer, Venue } from "../../ingest/venue.js";
import { venueOf } from "../../ingest/venues/index.js";
import { instrument } from "./recorded-frames.js";

it("what was asked for before a book's stream ended is not taken; what is asked for after it goes out at once", async () => {
  const answers: ((answer: RestAnswer) => void)[] = [];
  const rest: Rest = { get: () => new Promise((resolve) => answers.push(resolve)) };
  const taken: string[] = [];
  const requests = new SnapshotRequests({
    venue: venueOf("bitstamp") as Venue,
    shares: { of: () => rest },
    metrics: new Metrics(),
    logger: pino({ level: "silent" }),
    signal: new AbortController().signal,
    take: ({ text }) => taken.push(text),
  });
  const market = instrument("bitstamp", "BTC/USD", "btcusd");
  requests.ask(market);
  requests.ask(market);
  expect(answers).toHaveLength(1);
  requests.forget("BTC/USD");
  requests.ask(market);
  expect(answers).toHaveLength(2);
  answers[0]!({ text: "before", url: "" });
  await new Promise((resolve) => setImmediate(resolve));
  requests.ask(market);
  expect(answers).toHaveLength(2);
  answers[1]!({ text: "after", url: "" });
  await new Promise((resolve) => setImmediate(resolve));
  expect(taken).toEqual(["after"]);
  requests.ask(market);
  expect(answers).toHaveLength(3);
});
