import { z } from "zod";
import { originFault } from "../http-guard.js";
import { allowedOrigins, checked } from "./access-config.js";
import { httpUrl, milliseconds, port, whole } from "./words.js";

const days = whole(1);

const retentionDays = z
  .strictObject({
    trades: days.default(365).describe("Trades."),
    tickers: days.default(30).describe("Tickers."),
    depths: days.default(7).describe("Depth messages."),
    klines: days.default(3650).describe("K-lines."),
    indices: days.default(3650).describe("Index values."),
    signals: days.default(365).describe("Signals."),
    deadLetters: days.default(30).describe("Dead letters."),
  })
  .prefault({})
  .describe("Days that history is kept, by table.");

const storeOrigins = z
  .array(checked(originFault).refine((origin) => origin !== "*", "name each origin"))
  .default([])
  .describe("Origins whose pages may ask the embedded engine, such as `https://desk.example.com`.");

const readers = z
  .strictObject({
    queries: whole(1)
      .max(64)
      .default(3)
      .describe("Queries at a time; more wait. REST's history has places of its own."),
    seconds: whole(1).max(86_400).default(60).describe("Seconds that a query may run."),
    rows: whole(1).default(10_000_000).describe("Rows of an answer."),
    memoryMegabytes: whole(0)
      .default(0)
      .describe("Megabytes of a query; 0 for 2048, or an eighth of the machine's where that is less."),
    threads: whole(1).max(256).default(2).describe("Threads of a query."),
  })
  .prefault({})
  .describe("What who only reads the embedded engine may take. A request can ask for less.");

export const storeConfig = z
  .strictObject({
    url: httpUrl
      .optional()
      .describe("A ClickHouse server's HTTP interface. Without it the plant runs the engine embedded."),
    port: port
      .default(8123)
      .describe("Port on 127.0.0.1 where the embedded engine answers ClickHouse's HTTP interface."),
    database: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected letters, digits and _")
      .default("tickplant")
      .describe("Database of the tables."),
    user: z.string().default("default").describe("ClickHouse user."),
    password: z.string().default("").meta({
      description: "Password of that user. The embedded engine lets that user write, and then nobody read without it.",
      secret: true,
    }),
    allowedOrigins: storeOrigins,
    readers,
    retentionDays,
  })
  .prefault({})
  .describe("History in ClickHouse.");

export const sinkConfig = z
  .strictObject({
    rows: whole(1).default(50_000).describe("Rows of a table after which they are inserted."),
    bytes: whole(1024)
      .default(16 * 1024 * 1024)
      .describe("Bytes of a table after which they are inserted."),
    ms: whole(1).default(1000).describe("Milliseconds after which what has gathered is inserted."),
  })
  .prefault({})
  .describe("How messages are batched into the store: whichever bound is reached first.");

const bounds = z
  .strictObject({
    connections: whole(1).default(10_000).describe("WebSocket clients at a time."),
    connectionsPerAddress: whole(1).default(1_000).describe("WebSocket clients of one address at a time."),
    subscriptions: whole(1).default(1_000).describe("Channels of one client."),
    channelsPerRequest: whole(1).default(1_000).describe("Channels that one WebSocket request may name."),
    messageBytes: whole(64)
      .default(64 * 1024)
      .describe("Bytes of a client's message."),
    bufferedBytes: whole(1024)
      .default(4 * 1024 * 1024)
      .describe("Bytes that may wait for one client. Beyond it the slow client is closed."),
  })
  .prefault({})
  .describe("Bounds for clients.");

const rateLimit = z
  .strictObject({
    requestsPerMinute: whole(1).default(1_200).describe("REST requests of one address in a minute."),
    connectionsPerSecond: whole(1)
      .default(50)
      .describe("WebSocket connections that one address may open in a second; bounds.connectionsPerAddress at once."),
    messagesPerSecond: whole(1).default(20).describe("WebSocket messages of one client in a second."),
    workPerSecond: whole(1)
      .default(1_000)
      .describe(
        "What WebSocket messages of one client may ask for in a second, in the units of docs/protocol.md; what is beyond waits.",
      ),
  })
  .prefault({})
  .describe("Rates that clients may reach.");

export const pushConfig = z
  .strictObject({
    host: z.string().min(1).default("127.0.0.1").describe("Address to listen on; 0.0.0.0 opens it to the network."),
    restPort: port.default(8080).describe("Port of REST and the web page."),
    webSocketPort: port.default(8081).describe("Port of the WebSocket."),
    allowedOrigins,
    sockets: z
      .enum(["auto", "uws", "ws"])
      .default("auto")
      .describe(
        "Library of the WebSockets: `uws` is uWebSockets.js, `ws` runs wherever Node does; `auto` takes `uws` where a binary of it runs.",
      ),
    deflate: z.boolean().default(false).describe("Offer permessage-deflate: fewer bytes, more processor time."),
    heartbeatMs: milliseconds.default(15_000).describe("Milliseconds of silence after which a heartbeat is sent."),
    bounds,
    rateLimit,
  })
  .prefault({})
  .describe("The WebSocket and REST tier.");
