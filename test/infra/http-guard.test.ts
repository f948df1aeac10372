import { describe, expect, it } from "vitest";
import { corsHeaders, type HttpPolicy, hostFault, isLoopback, originFault, refusalOf } from "../../infra/http-guard.js";

interface Asked {
  readonly method?: string;
  readonly target?: string;
  readonly [header: string]: string | undefined;
}

const request = ({ method = "GET", target = "/", ...headers }: Asked) => ({
  method,
  target,
  header: (name: string) => ({ host: "localhost:8123", ...headers })[name],
});
const reason = (asked: Asked, policy?: HttpPolicy) => refusalOf(request(asked), policy)?.reason;

const own: HttpPolicy = { hosts: ["md.example.com", "push:8080"], origins: ["https://desk.example.com"] };

describe("the guard before every HTTP port", () => {
  it.each([
    ["localhost", undefined],
    ["localhost:8123", undefined],
    ["LOCALHOST:8123", undefined],
    ["localhost.:8123", undefined],
    ["127.0.0.1", undefined],
    ["127.8.9.10:1", undefined],
    ["[::1]:8123", undefined],
    ["[0:0:0:0:0:0:0:1]", undefined],
    ["[::ffff:127.0.0.1]:8123", undefined],
    ["[::FFFF:7F00:1]", undefined],
    ["md.example.com", undefined],
    ["MD.example.com.:443", undefined],
    ["push:8080", undefined],
    ["push:8081", "host"],
    ["push", "host"],
    ["", "host"],
    ["evil.example", "host"],
    ["localhost.evil.example", "host"],
    ["evil.localhost", "host"],
    ["127.0.0.1.evil.example", "host"],
    ["127.0.0.1.nip.io:8123", "host"],
    ["127.1", "host"],
    ["0x7f.0.0.1", "host"],
    ["2130706433", "host"],
    ["127.0.0.256", "host"],
    ["0.0.0.0:8123", "host"],
    ["[::]:8123", "host"],
    ["192.168.1.5", "host"],
    ["[::ffff:10.0.0.1]", "host"],
    ["localhost:", "host"],
    ["localhost:99999", "host"],
    ["localhost@evil.example", "host"],
    ["localhost evil.example", "host"],
    ["localhost, evil.example", "host"],
    ["[::1", "host"],
    ["..", "host"],
    ["localhost..", "host"],
    [`${"a".repeat(300)}`, "host"],
  ])("Host %j: %s", (host, expected) => {
    expect(reason({ host }, own)).toBe(expected);
  });

  it("an address is a good Host where the server listens beyond loopback, a name is not", () => {
    const open: HttpPolicy = { addresses: true };
    expect(reason({ host: "10.1.2.3:8080" }, open)).toBeUndefined();
    expect(reason({ host: "[fd00::5]:8080" }, open)).toBeUndefined();
    expect(reason({ host: "evil.example:8080" }, open)).toBe("host");
    expect(reason({ host: "evil.example:8080" }, { hosts: ["*"] })).toBeUndefined();
  });

  it.each([
    ["http://localhost:8123", undefined],
    ["HTTP://LOCALHOST:8123", undefined],
    ["https://desk.example.com", undefined],
    ["https://desk.example.com:443", undefined],
    ["http://desk.example.com", "origin"],
    ["https://desk.example.com:8443", "origin"],
    ["https://desk.example.com.evil.example", "origin"],
    ["http://localhost:3000", "origin"],
    ["http://localhost", "origin"],
    ["http://127.0.0.1:8123", "origin"],
    ["http://evil.example", "origin"],
    ["http://localhost:8123@evil.example", "origin"],
    ["http://localhost:8123, http://evil.example", "origin"],
    ["null", "origin"],
    ["NULL", "origin"],
    ["file://", "origin"],
    ["chrome-extension://abc", "origin"],
    ["*", "origin"],
  ])("Origin %j: %s, by any method", (origin, expected) => {
    for (const method of ["GET", "POST", "OPTIONS", "DELETE"]) {
      expect(reason({ method, origin }, own), method).toBe(expected);
      // a browser's word on the site never makes up for an Origin
      expect(reason({ method, origin, "sec-fetch-site": "same-origin" }, own), method).toBe(expected);
    }
  });

  it("the server's own page is known behind a proxy, and on its other port", () => {
    expect(reason({ host: "md.example.com", origin: "https://md.example.com" }, own)).toBeUndefined();
    expect(reason({ host: "md.example.com:444", origin: "https://md.example.com" }, own)).toBe("origin");
    const socket: HttpPolicy = { ownPorts: [8080] };
    expect(reason({ host: "localhost:8081", origin: "http://localhost:8080" }, socket)).toBeUndefined();
    expect(reason({ host: "127.0.0.1:8081", origin: "http://localhost:8080" }, socket)).toBe("origin");
    expect(reason({ host: "localhost:8081", origin: "http://localhost:8082" }, socket)).toBe("origin");
  });

  it("a configured * lets any page in, a configured null none", () => {
    expect(reason({ origin: "null" }, { origins: ["*"] })).toBeUndefined();
    expect(reason({ origin: "null" }, { origins: ["null"] })).toBe("origin");
  });

  it.each([
    ["an image", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" }],
    ["a script of a page on another port", { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" }],
    ["a frame", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" }],
    ["a site that is not known", { "sec-fetch-site": "elsewhere" }],
    ["a form", { method: "POST", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }],
  ])("%s of another origin is refused without an Origin too", (_, headers) => {
    expect(reason(headers, own)).toBe("site");
    expect(reason(headers, { ...own, links: true })).toBe("site");
  });

  it("a link leads to a web page, and nowhere else", () => {
    const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    expect(reason(link, { links: true })).toBeUndefined();
    expect(reason(link, {})).toBe("site");
    expect(reason({ ...link, method: "POST" }, { links: true })).toBe("site");
    expect(reason({ ...link, "sec-fetch-site": "none" }, {})).toBeUndefined();
  });

  it("programs come in: they send no Origin and no site, whatever their content type", () => {
    expect(reason({})).toBeUndefined();
    expect(reason({ method: "POST", "content-type": "application/x-www-form-urlencoded", "content-length": "8" })).toBe(
      undefined,
    );
    expect(reason({ "sec-fetch-mode": "cors" })).toBeUndefined();
  });

  it.each([
    ["application/json", undefined, undefined],
    ["application/json; charset=utf-8", undefined, undefined],
    ["text/plain;charset=UTF-8", undefined, "content_type"],
    ["Text/Plain", undefined, "content_type"],
    ["application/x-www-form-urlencoded", undefined, "content_type"],
    ["", undefined, "content_type"],
    ["multipart/form-data; boundary=x", "content_type", "content_type"],
  ])("a body of type %j: %s, where bodies are strict: %s", (type, plain, strict) => {
    const post = { method: "POST", "content-type": type, "content-length": "8" };
    expect(reason(post)).toBe(plain);
    expect(reason(post, { strictBodies: true })).toBe(strict);
    const chunked = { method: "PUT", "content-type": type, "transfer-encoding": "chunked" };
    expect(reason(chunked, { strictBodies: true })).toBe(strict);
    if (plain === undefined) expect(reason({ ...post, "content-length": "0" }, { strictBodies: true })).toBeUndefined();
  });

  it.each(["http://evil.example/", "HTTP://localhost:8123/", "localhost:8123", "*", ""])(
    "the target %j is no path",
    (target) => {
      expect(reason({ target })).toBe("target");
    },
  );

  it("a preflight of a configured origin gets what it asks for, any other request nothing", () => {
    const asked = request({
      method: "OPTIONS",
      origin: "https://desk.example.com",
      "access-control-request-method": "POST",
      "access-control-request-headers": "x-clickhouse-user",
    });
    expect(refusalOf(asked, own)).toBeUndefined();
    expect(corsHeaders(asked, own)).toMatchObject({
      "Access-Control-Allow-Origin": "https://desk.example.com",
      "Access-Control-Allow-Methods": "POST",
      "Access-Control-Allow-Headers": "x-clickhouse-user",
      Vary: "Origin",
    });
    expect(corsHeaders(request({ origin: "http://evil.example" }), own)).toEqual({});
    expect(corsHeaders(request({}), own)).toEqual({});
    expect(refusalOf(request({ method: "OPTIONS", target: "*" }), own)).toBeUndefined();
  });

  it("says what a configured host or origin should be", () => {
    for (const host of ["*", "push", "md.example.com:443", "[::1]", "10.0.0.1"])
      expect(hostFault(host)).toBeUndefined();
    for (const host of ["", "http://md.example.com", "a b", "md.example.com/"]) expect(hostFault(host)).toBeDefined();
    for (const origin of ["*", "https://a.example", "http://localhost:3000"])
      expect(originFault(origin)).toBeUndefined();
    for (const origin of ["null", "a.example", "https://a.example/", "ws://a.example"]) {
      expect(originFault(origin)).toBeDefined();
    }
  });

  it("knows loopback addresses", () => {
    for (const name of ["localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1"]) expect(isLoopback(name)).toBe(true);
    for (const name of ["0.0.0.0", "::", "10.0.0.1", "example.com", "::ffff:10.0.0.1", "127.1"]) {
      expect(isLoopback(name), name).toBe(false);
    }
  });
});
