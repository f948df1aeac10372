import type { Client } from "../dialect.js";
import type { BinanceApi } from "./instruments.js";

const methods = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`";

interface RequestError {
  code: number;
  msg: string;
}

type Subscribe = (name: string) => boolean;

/** Answers a control frame as Binance does. */
export function answerRequest(api: BinanceApi, client: Client, message: string, subscribe: Subscribe): void {
  const reply = (answer: object) => client.send(JSON.stringify(answer));
  let request: unknown;
  try {
    request = JSON.parse(message);
  } catch {
    reply({ code: 3, msg: "Invalid JSON: expected value at line 1 column 1" });
    return;
  }
  const { method, params, id = null } = (request ?? {}) as { method?: unknown; params?: unknown; id?: unknown };
  const result = carryOut(client, method, Array.isArray(params) ? params : [], subscribe);
  if (!("code" in result)) reply({ result: result.result, id });
  else if (api === "spot") reply({ ...result, id });
  else reply({ error: result, id });
}

function carryOut(
  client: Client,
  method: unknown,
  params: unknown[],
  subscribe: Subscribe,
): { result: unknown } | RequestError {
  switch (method) {
    case "SUBSCRIBE":
      return subscribeAll(client, params, subscribe);
    case "UNSUBSCRIBE":
      for (const name of params) client.unsubscribe(String(name));
      return { result: null };
    case "LIST_SUBSCRIPTIONS":
      return { result: [...client.streams] };
    case "GET_PROPERTY":
      return params[0] === "combined" ? { result: client.combined } : { code: 0, msg: "Unknown property" };
    case "SET_PROPERTY":
      if (params[0] !== "combined") return { code: 0, msg: "Unknown property" };
      if (typeof params[1] !== "boolean") return { code: 1, msg: "Invalid value type: expected Boolean" };
      client.combined = params[1];
      return { result: null };
    case undefined:
      return { code: 2, msg: "Invalid request: missing field `method` at line 1 column 2" };
    default:
      return { code: 2, msg: `Invalid request: unknown variant \`${String(method)}\`, expected one of ${methods}` };
  }
}

function subscribeAll(client: Client, names: unknown[], subscribe: Subscribe): { result: null } | RequestError {
  if (!client.hasRoomFor(names.length)) {
    return { code: 2, msg: "Invalid request: more streams than one connection may have" };
  }
  const unknown = names.filter((name) => typeof name !== "string" || !subscribe(name));
  if (unknown.length === 0) return { result: null };
  return { code: 2, msg: `Invalid request: unknown stream ${unknown.map(String).join(", ")}` };
}
