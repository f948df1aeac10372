import type { FastifyInstance, FastifyRequest } from "fastify";
import { badParameter } from "./errors.js";

/** As JSON writes them: no sign but minus, no exponent, no fraction, no leading zero. */
const wholeNumber = /^(?:0|-?[1-9]\d{0,15})$/;

interface QuerySchema {
  readonly properties?: Readonly<Record<string, { readonly type?: unknown }>>;
}

/**
 * Refuses what the schemas' reading of texts would let pass: numbers in other spellings (`0x10`, `1e3`, ` 5`, `5.0`,
 * `-0`), numbers beyond any (`1e400`), and parameters that are given twice.
 */
export function checkParameters(app: FastifyInstance): void {
  app.addHook("preValidation", async (request) => checkQuery(request));
}

/** @throws RestError */
function checkQuery(request: FastifyRequest): void {
  const { properties = {} } = (request.routeOptions.schema?.querystring ?? {}) as QuerySchema;
  for (const [name, value] of Object.entries(request.query as Record<string, unknown>)) {
    if (Array.isArray(value)) throw badParameter(name, "is given more than once");
    const isNumber = Object.hasOwn(properties, name) && properties[name]!.type === "integer";
    if (isNumber && !(typeof value === "string" && wholeNumber.test(value))) {
      throw badParameter(name, "must be a whole number in decimal digits");
    }
  }
}
