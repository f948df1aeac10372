/** What `POST /v1/ingest` takes and answers, for /openapi.json. */

const text = { type: "string" };
const whole = { type: "integer" };
const answer = {
  type: "object",
  required: ["accepted", "refused"],
  properties: {
    accepted: { ...whole, description: "Lines that stand in the log" },
    refused: {
      type: "array",
      description: "Every other line, in order",
      items: {
        type: "object",
        required: ["line", "reason", "detail"],
        properties: {
          line: { ...whole, description: "Counted from 1" },
          reason: { ...text, description: "A stable word; docs/rest.md lists them" },
          detail: text,
        },
      },
    },
  },
};
const error = { type: "object", properties: { code: text, message: text } };
const refusals: Readonly<Record<number, string>> = {
  400: "No lines, or not UTF-8",
  401: "No key, or a wrong one",
  413: "Too many bytes or lines",
  415: "Another content type, or compressed",
  429: "Too many lines a second; retry-after says when",
  503: "Busy, or the log does not confirm; retry-after says when",
};

export const ingestRouteSchema = {
  summary: "Raw ticks of one's own: NDJSON, a tick a line; answers when the log has them",
  description: "Header `authorization: Bearer KEY`, `content-type: application/x-ndjson`. Lines as in docs/rest.md.",
  consumes: ["application/x-ndjson"],
  body: {
    ...text,
    description: "Ticks, one a line as JSON",
    examples: [
      '{"kind":"trade","exchange":"desk","symbol":"BTC/USDT","trade_id":"1","price":"100.10","qty":"0.5","side":"buy","exchange_time":1762795420000000}',
    ],
  },
  response: {
    200: { description: "What was accepted, and each line that was refused, and why", ...answer },
    422: { description: "No line was accepted", ...answer },
    ...Object.fromEntries(Object.entries(refusals).map(([status, why]) => [status, { description: why, ...error }])),
  },
};
