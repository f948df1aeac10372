import { z } from "zod";
import { port, unique, venueId, whole } from "./words.js";

const key = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,40}$/, "expected 1 to 40 letters, digits, and . _ -")
      .describe("Who writes with it; stands in logs and metrics."),
    key: z
      .string()
      .min(16, "expected at least 16 characters: a key that can be guessed is none")
      .max(200)
      .meta({ description: "The key that requests carry, at least 16 characters.", secret: true }),
    exchanges: unique(venueId, (id) => id)
      .min(1, "expected at least one exchange")
      .describe("Venues that it may write: names of one's own, not those that ingest takes in by itself."),
  })
  .describe("One key.");

export const endpointConfig = z
  .strictObject({
    keys: unique(key, ({ name }) => name)
      .default([])
      .describe("Keys that may write. Without one there is no endpoint."),
    host: z.string().min(1).default("127.0.0.1").describe("Address to listen on in a process without the push role."),
    port: port.default(8082).describe("Port in a process without the push role; beside that it is a path of REST."),
    maxBytes: whole(1024)
      .max(64 * 1024 * 1024)
      .default(1024 * 1024)
      .describe("Bytes of one request."),
    maxLines: whole(1).max(100_000).default(5_000).describe("Lines of one request."),
    linesPerSecond: whole(1)
      .default(5_000)
      .describe("Lines of one key in a second, on average; two seconds' worth, or a whole request, may come at once."),
    maxRequests: whole(1).max(1_000).default(8).describe("Requests that are worked on at a time."),
    maxMarkets: whole(1)
      .default(5_000)
      .describe("Markets (exchange and symbol) of all keys together; lines of one more are refused."),
    maxMarketsPerKey: whole(1)
      .default(1_000)
      .describe("Markets of one key, so that none takes the places of all others."),
    maxBackfillHours: whole(1)
      .max(24 * 3_660)
      .default(24 * 31)
      .describe("Age of a back-filled trade, and of ticks other than trades; older history is for a replay."),
  })
  .prefault({})
  .describe("`POST /v1/ingest`: ticks from programs of one's own.");

export type EndpointConfig = z.output<typeof endpointConfig>;
