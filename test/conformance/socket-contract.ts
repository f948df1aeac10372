import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { createConnection } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type {
  HttpAnswer,
  OpenSockets,
  ServerSocket,
  SocketListener,
  SocketOptions,
  SocketServer,
} from "../../push/sockets/socket-server.js";
import { freePort } from "../plant/plant-process.js";

/** One connection as the server sees it. */
class Seen implements SocketListener {
  readonly messages: string[] = [];
  drains = 0;
  overflows = 0;
  closes = 0;

  constructor(readonly socket: ServerSocket) {}

  message(bytes: ArrayBuffer): void {
    this.messages.push(Buffer.from(bytes).toString("utf8"));
  }
  drained(): void {
    this.drains++;
  }
  overflowed(): void {
    this.overflows++;
  }
  closed(): void {
    this.closes++;
  }
}

interface Rig {
  readonly server: SocketServer;
  readonly seen: Seen[];
  readonly url: string;
}

const usual: SocketOptions = {
  host: "127.0.0.1",
  port: 0,
  deflate: false,
  messageBytes: 64 * 1024,
  droppedBytes: 1024 * 1024,
  idleSeconds: 60,
};

/** What push relies on, and what clients notice: the same with any library behind the port. */
export function socketContract(name: string, open: () => Promise<OpenSockets>): void {
  describe(`sockets by ${name}`, () => {
    const rigs: Rig[] = [];
    const clients: WebSocket[] = [];
    let refusal: ((path: string, origin: string | undefined) => HttpAnswer | undefined) | undefined;

    afterEach(async () => {
      refusal = undefined;
      for (const client of clients.splice(0)) client.terminate();
      for (const { server } of rigs.splice(0)) await server.stop();
    });

    async function serve(options: Partial<SocketOptions> = {}): Promise<Rig> {
      const seen: Seen[] = [];
      const server = await (await open())(
        { ...usual, ...options },
        {
          admit: (request) => refusal?.(request.target, request.header("origin")),
          answer: ({ method, target }) => ({
            status: 426,
            code: "TP_UPGRADE_REQUIRED",
            message: `${method} ${target}`,
          }),
          opened: (socket) => {
            const one = new Seen(socket);
            seen.push(one);
            return one;
          },
        },
      );
      const rig = { server, seen, url: `ws://127.0.0.1:${server.port}` };
      rigs.push(rig);
      return rig;
    }

    /** A client and the server's end of it. */
    async function connect(rig: Rig, options: { perMessageDeflate?: boolean; protocols?: string[] } = {}) {
      const before = rig.seen.length;
      const texts: string[] = [];
      const { perMessageDeflate = false, protocols = [] } = options;
      const client = new WebSocket(`${rig.url}/some/path?a=1`, protocols, { perMessageDeflate });
      client.on("message", (bytes) => texts.push(bytes.toString()));
      client.on("error", () => {});
      const closed = new Promise<{ code: number; reason: string }>((resolve) =>
        client.on("close", (code, reason) => resolve({ code, reason: reason.toString() })),
      );
      clients.push(client);
      await once(client, "open");
      await expect.poll(() => rig.seen.length, { timeout: 20_000 }).toBe(before + 1);
      return { client, texts, closed, end: rig.seen[before]! };
    }

    const eventually = (what: () => unknown) => expect.poll(what, { timeout: 20_000 });

    test("texts go both ways unchanged, and the peer's address is plain", async () => {
      const rig = await serve();
      const { client, texts, end } = await connect(rig);
      expect(end.socket.address).toBe("127.0.0.1");
      client.send("grüße ₿ 𝔸");
      client.send(Buffer.from("bytes"));
      await eventually(() => end.messages).toEqual(["grüße ₿ 𝔸", "bytes"]);
      expect(end.socket.send("zurück ₿")).toBe(true);
      await eventually(() => texts).toEqual(["zurück ₿"]);
    });

    test("what is published reaches who joined, in order, and says how many", async () => {
      const rig = await serve();
      const [a, b] = [await connect(rig), await connect(rig)];
      expect(rig.server.publish("x", "nobody")).toBe(0);
      a.end.socket.join("x");
      a.end.socket.join("x");
      b.end.socket.join("x");
      b.end.socket.join("y");
      expect(rig.server.publish("x", "1")).toBe(2);
      a.end.socket.leave("x");
      a.end.socket.leave("x");
      expect(rig.server.publish("x", "2")).toBe(1);
      b.end.socket.send("3");
      expect(rig.server.publish("y", "4")).toBe(1);
      a.end.socket.send("end");
      await eventually(() => b.texts).toEqual(["1", "2", "3", "4"]);
      await eventually(() => a.texts).toEqual(["1", "end"]);
    });

    test("many sends in one go arrive in order", async () => {
      const { texts, end } = await connect(await serve());
      end.socket.together(() => {
        for (let at = 0; at < 500; at++) end.socket.send(String(at));
      });
      await eventually(() => texts).toEqual(Array.from({ length: 500 }, (_, at) => String(at)));
    });

    test("closing sends code and reason behind what waits, is told once, and ends all sending", async () => {
      const rig = await serve();
      const { texts, closed, end } = await connect(rig);
      end.socket.join("x");
      end.socket.send("last words");
      end.socket.close({ code: 4002, text: "too many requests" });
      expect(end.closes).toBe(1);
      expect(end.socket.send("after")).toBe(false);
      expect(end.socket.buffered()).toBe(0);
      expect(rig.server.publish("x", "after")).toBe(0);
      end.socket.close({ code: 4000, text: "again" });
      expect(await closed).toEqual({ code: 4002, reason: "too many requests" });
      expect(texts).toEqual(["last words"]);
      expect(end.closes).toBe(1);
    });

    test.each([["close frame"], ["cut"]])("a peer that goes by %s leaves its topics", async (how) => {
      const rig = await serve();
      const { client, end } = await connect(rig);
      end.socket.join("x");
      if (how === "cut") client.terminate();
      else client.close(1000);
      await eventually(() => end.closes).toBe(1);
      expect(rig.server.publish("x", "1")).toBe(0);
    });

    test("a message beyond the bound ends its socket with 1006, and no other", async () => {
      const rig = await serve();
      const [large, other] = [await connect(rig), await connect(rig)];
      large.client.send("x".repeat(usual.messageBytes));
      await eventually(() => large.end.messages.length).toBe(1);
      large.client.send("x".repeat(usual.messageBytes + 1));
      expect((await large.closed).code).toBe(1006);
      await eventually(() => large.end.closes).toBe(1);
      expect(large.end.messages).toHaveLength(1);
      other.client.send("here");
      await eventually(() => other.end.messages).toEqual(["here"]);
    });

    test("what waits for a slow peer is told and bounded; what is dropped is said; it goes on when there is room", async () => {
      const rig = await serve();
      const { client, texts, end } = await connect(rig);
      end.socket.join("x");
      client.pause();
      const filling = "x".repeat(16 * 1024);
      let sent = 0;
      while (end.socket.send(`${sent}:${filling}`)) {
        sent++;
        if (sent % 20 === 0) await new Promise(setImmediate);
        expect(end.socket.buffered()).toBeLessThanOrEqual(usual.droppedBytes + 2 * filling.length);
        expect(sent).toBeLessThan(10_000);
      }
      expect(end.socket.buffered()).toBeGreaterThan(usual.droppedBytes / 2);
      rig.server.publish("x", filling);
      await eventually(() => end.overflows).toBe(1);
      client.resume();
      await eventually(() => end.drains).toBeGreaterThan(0);
      await eventually(() => end.socket.buffered()).toBe(0);
      expect(end.socket.send("again")).toBe(true);
      await eventually(() => texts.at(-1)).toBe("again");
      const numbers = texts.slice(0, -1).map((text) => Number(text.split(":")[0]));
      expect(numbers).toEqual(Array.from({ length: sent }, (_, at) => at));
    });

    test("permessage-deflate is offered when it is wished for, without context takeover", async () => {
      const rig = await serve({ deflate: true });
      const squeezed = await connect(rig, { perMessageDeflate: true });
      const plain = await connect(rig);
      expect(squeezed.client.extensions).toBe("permessage-deflate");
      expect(plain.client.extensions).toBe("");
      const texts = Array.from({ length: 20 }, (_, at) => `${at} ${"price ".repeat(2_000)}`);
      for (const { end } of [squeezed, plain]) end.socket.join("x");
      for (const text of texts) rig.server.publish("x", text);
      squeezed.end.socket.send("own");
      squeezed.client.send("in ".repeat(1_000));
      await eventually(() => squeezed.texts).toEqual([...texts, "own"]);
      await eventually(() => plain.texts).toEqual(texts);
      await eventually(() => squeezed.end.messages).toEqual(["in ".repeat(1_000)]);
      const without = await serve();
      expect((await connect(without, { perMessageDeflate: true })).client.extensions).toBe("");
    });

    test("the first subprotocol is chosen", async () => {
      const rig = await serve();
      expect((await connect(rig, { protocols: ["v1.json", "v2.json"] })).client.protocol).toBe("v1.json");
      expect((await connect(rig)).client.protocol).toBe("");
    });

    test("an upgrade that is refused, and a plain request, get a status and a code", async () => {
      const rig = await serve();
      refusal = (path, origin) => ({ status: 403, code: "TP_ORIGIN_REFUSED", message: `${path} ${origin}` });
      const client = new WebSocket(`${rig.url}/a?b=1`, { origin: "https://elsewhere.example" });
      clients.push(client);
      client.on("error", () => {});
      const [, response] = await once(client, "unexpected-response");
      let body = "";
      for await (const chunk of response) body += chunk;
      expect(response.statusCode).toBe(403);
      expect(response.headers["content-type"]).toContain("application/json");
      expect(JSON.parse(body)).toEqual({
        code: "TP_ORIGIN_REFUSED",
        message: "/a?b=1 https://elsewhere.example",
      });
      expect(rig.seen).toHaveLength(0);
      const plain = await fetch(`http://127.0.0.1:${rig.server.port}/c?d=2`, { method: "DELETE" });
      expect(plain.status).toBe(426);
      expect(await plain.json()).toEqual({ code: "TP_UPGRADE_REQUIRED", message: "DELETE /c?d=2" });
    });

    test("a ping is answered with its own payload", async () => {
      const { client } = await connect(await serve());
      const pong = once(client, "pong");
      client.ping("42");
      expect(String((await pong)[0])).toBe("42");
    });

    test("a peer that answers no ping is cut after the idle time, one that does stays", async () => {
      const rig = await serve({ idleSeconds: 8 });
      const alive = await connect(rig);
      const dead = createConnection(rig.server.port, "127.0.0.1");
      dead.on("error", () => {});
      dead.write(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
      );
      let pings = 0;
      alive.client.on("ping", () => pings++);
      dead.resume();
      await once(dead, "close");
      await eventually(() => rig.seen[1]!.closes).toBe(1);
      await eventually(() => pings).toBeGreaterThan(0);
      expect(alive.end.closes).toBe(0);
    });

    test("the port is its own, is named when it is taken, and free once it has stopped", async () => {
      const port = await freePort();
      const rig = await serve({ port });
      expect(rig.server.port).toBe(port);
      const { closed } = await connect(rig);
      await expect(serve({ port: rig.server.port })).rejects.toThrow("push.webSocketPort");
      rigs.length = 0;
      rig.server.refuseMore();
      await expect(connect(rig)).rejects.toThrow();
      await rig.server.stop();
      expect((await closed).code).toBe(1006);
      const again = await serve({ port: rig.server.port });
      expect(again.server.port).toBe(rig.server.port);
      await new Promise<void>((resolve, reject) => {
        httpRequest({ port: again.server.port, host: "127.0.0.1" }, (response) => {
          response.resume();
          response.on("end", resolve);
        })
          .on("error", reject)
          .end();
      });
    });
  });
}
