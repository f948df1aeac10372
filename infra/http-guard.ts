import { isIPv4, isIPv6 } from "node:net";

/** What the guard looks at. Names of headers are in lower case; an absent one is undefined or "". */
export interface GuardedRequest {
  readonly method: string;
  /** The request's target as it stands in the request line: `/v1/klines?…`. */
  readonly target: string;
  header(name: string): string | undefined;
}

export interface HttpPolicy {
  /** Names by which this server is reached, `name` or `name:port`, beside loopback's; `*` for any. */
  readonly hosts?: readonly string[];
  /** Whether any IP address is a good Host: a server that listens beyond loopback. No name can be rebound to one. */
  readonly addresses?: boolean;
  /** Origins of other pages that may ask, `https://desk.example.com`; `*` for any. */
  readonly origins?: readonly string[];
  /** Ports whose pages are this server's own, on the same host name: the web page's for the WebSocket. */
  readonly ownPorts?: readonly number[];
  /** Whether a link on another page may lead here: true for a web page, false for what does work when it is asked. */
  readonly links?: boolean;
  /** Whether bodies must have a content type that a page of another origin can not send unasked. */
  readonly strictBodies?: boolean;
}

export interface HttpRefusal {
  /** Stable, for counting. */
  readonly reason: "host" | "origin" | "site" | "target" | "content_type";
  readonly message: string;
}

/** Content types that a form, or fetch without a preflight, can send to any server (CORS-safelisted). */
const simpleTypes = new Set(["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]);
const bodiless = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Whether a request may come in, as far as its head tells: a page of another origin in this machine's browser must not
 * reach a server that trusts who can connect to it. Against DNS rebinding the Host has to be a name of this server's;
 * against other pages the Origin has to be its own or a configured one, and where a browser sends no Origin (links,
 * images, scripts) its Sec-Fetch-Site counts (https://www.w3.org/TR/fetch-metadata/; sent to loopback over plain HTTP
 * too). Programs such as curl send neither header and come in.
 *
 * @returns undefined when it may, else why not
 */
export function refusalOf(request: GuardedRequest, policy: HttpPolicy = {}): HttpRefusal | undefined {
  const { target } = request;
  // the authority of an absolute target would stand above the Host that is checked here
  if (!target.startsWith("/") && !(target === "*" && request.method === "OPTIONS")) {
    return { reason: "target", message: "the request's target has to be a path" };
  }
  const host = hostOf(request.header("host") ?? "");
  if (host === undefined || !hostAllowed(host, policy)) {
    return { reason: "host", message: `${shown(request.header("host"))} is not a name of this server: see its hosts` };
  }
  const origin = request.header("origin") ?? "";
  if (origin !== "") {
    if (!originAllowed(origin, host, policy)) {
      return { reason: "origin", message: `pages of ${shown(origin)} may not ask: see its origins` };
    }
  } else if (!siteAllowed(request, policy)) {
    return { reason: "site", message: "a page of another origin may not ask" };
  }
  return bodyRefusal(request, policy);
}

/**
 * What a page of a configured origin needs to read the answer; nothing for any other request. A preflight (OPTIONS)
 * gets the methods and headers that it asks for, since the guard has let its origin in.
 */
export function corsHeaders(request: GuardedRequest, policy: HttpPolicy): Record<string, string> {
  const origin = request.header("origin") ?? "";
  const host = hostOf(request.header("host") ?? "");
  if (origin === "" || host === undefined || !originAllowed(origin, host, policy)) return {};
  const headers: Record<string, string> = { "Access-Control-Allow-Origin": origin, Vary: "Origin" };
  if (request.method !== "OPTIONS") return headers;
  headers["Access-Control-Allow-Methods"] = request.header("access-control-request-method") ?? "GET";
  const asked = request.header("access-control-request-headers") ?? "";
  if (asked !== "") headers["Access-Control-Allow-Headers"] = asked;
  headers["Access-Control-Max-Age"] = "600";
  return headers;
}

/** Host names and origins as people configure them. @returns why it is none, or undefined */
export function hostFault(text: string): string | undefined {
  return text === "*" || hostOf(text) !== undefined ? undefined : "expected a host name or address, or name:port";
}

export function originFault(text: string): string | undefined {
  if (text === "*" || originOf(text) !== undefined) return undefined;
  return "expected an origin such as https://desk.example.com, without a path";
}

/** Whether a server on this address is reached by this machine alone. @param address as it is configured */
export function isLoopback(address: string): boolean {
  const name = address.toLowerCase();
  if (name === "localhost" || name === "::1") return true;
  if (isIPv4(name)) return name.startsWith("127.");
  return isIPv6(name) && /^::ffff:(127\.|7f[0-9a-f]{2}:)/.test(new URL(`http://[${name}]`).hostname.slice(1, -1));
}

interface Host {
  /** In lower case, without brackets and without a final dot. */
  readonly name: string;
  readonly port: number | undefined;
}

const hostPattern = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_.-]{1,254}))(?::(\d{1,5}))?$/;

function hostOf(text: string): Host | undefined {
  const [, v6, plain, digits] = hostPattern.exec(text.toLowerCase()) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && port > 65_535) return undefined;
  if (v6 !== undefined) return isIPv6(v6) ? { name: new URL(`http://[${v6}]`).hostname.slice(1, -1), port } : undefined;
  const name = plain?.replace(/\.$/, "");
  if (name === undefined || name === "" || name.startsWith(".") || name.includes("..")) return undefined;
  return { name, port };
}

function hostAllowed(host: Host, policy: HttpPolicy): boolean {
  if (isLoopback(host.name)) return true;
  if (policy.addresses === true && (isIPv4(host.name) || isIPv6(host.name))) return true;
  return (policy.hosts ?? []).some((text) => {
    if (text === "*") return true;
    const allowed = hostOf(text);
    return allowed?.name === host.name && (allowed.port === undefined || allowed.port === host.port);
  });
}

const defaultPorts: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** @returns undefined for anything but scheme://host[:port] of http and https, `null` above all */
function originOf(text: string): { readonly scheme: string; readonly host: Host; readonly port: number } | undefined {
  const [, scheme, authority] = /^(https?):\/\/([^/?#@\s]+)$/.exec(text.toLowerCase()) ?? [];
  const host = authority === undefined ? undefined : hostOf(authority);
  if (scheme === undefined || host === undefined) return undefined;
  return { scheme, host, port: host.port ?? defaultPorts[scheme]! };
}

function originAllowed(text: string, host: Host, policy: HttpPolicy): boolean {
  const allowed = policy.origins ?? [];
  if (allowed.includes("*")) return true;
  const origin = originOf(text);
  if (origin === undefined) return false;
  const own = [host.port ?? defaultPorts[origin.scheme]!, ...(policy.ownPorts ?? [])];
  if (origin.host.name === host.name && own.includes(origin.port)) return true;
  return allowed.some((one) => {
    const other = originOf(one);
    return other?.scheme === origin.scheme && other.host.name === origin.host.name && other.port === origin.port;
  });
}

function siteAllowed(request: GuardedRequest, policy: HttpPolicy): boolean {
  const site = request.header("sec-fetch-site") ?? "";
  if (site === "" || site === "same-origin" || site === "none") return true;
  const reads = request.method === "GET" || request.method === "HEAD";
  const opens =
    request.header("sec-fetch-mode") === "navigate" &&
    request.header("sec-fetch-dest") === "document" &&
    (site === "same-site" || site === "cross-site");
  return policy.links === true && reads && opens;
}

function bodyRefusal(request: GuardedRequest, policy: HttpPolicy): HttpRefusal | undefined {
  if (bodiless.has(request.method)) return undefined;
  const type = (request.header("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
  const hasBody =
    (request.header("content-length") ?? "0") !== "0" || (request.header("transfer-encoding") ?? "") !== "";
  // a form's upload, which no program that speaks to a plant sends
  const refused = type === "multipart/form-data" || (policy.strictBodies === true && hasBody && simple(type));
  if (!refused) return undefined;
  return { reason: "content_type", message: `a body of type ${shown(type)} is not taken here` };
}

function simple(type: string): boolean {
  return type === "" || simpleTypes.has(type);
}

function shown(text: string | undefined): string {
  if (text === undefined || text === "") return "(none)";
  return JSON.stringify(text.slice(0, 100));
}
