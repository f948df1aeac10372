import { isUtf8 } from "node:buffer";
import type { FastifyError, FastifyInstance, FastifyRequest } from "fastify";
import type { EndpointConfig } from "../../infra/config/endpoint-config.js";
import { PlantError } from "../../infra/errors.js";
import type { HttpAccess } from "../../infra/http-door.js";
import type { Logger } from "../../infra/logging.js";
import type { Metrics } from "../../infra/metrics.js";
import { badKey, busy, IntakeRefused, notText, tooLarge, wrongMedia } from "./errors.js";
import type { IntakeAnswer } from "./intake.js";
import { Keys, type Writer } from "./keys.js";
import { ingestRouteSchema } from "./schema.js";

export interface EndpointParts {
  readonly config: EndpointConfig;
  /** Whose pages and by which names it may be reached, where it is a server of its own. */
  readonly access: HttpAccess;
  /** Takes lines in, here or in another thread. */
  readonly intake: { take(writer: Writer, body: string): Promise<IntakeAnswer> };
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** A request whose key was found right. Its place is free again when it has ended and nothing works on it any more. */
interface Admitted {
  readonly writer: Writer;
  working: boolean;
  ended: boolean;
}

const mediaTypes = ["application/x-ndjson", "application/ndjson", "application/jsonl", "text/plain"];

/**
 * `POST /v1/ingest` in whatever server the process has. The key is looked at before the body is read, and no more
 * bodies are held at a time than `maxRequests`.
 */
export async function endpointRoutes(app: FastifyInstance, parts: EndpointParts): Promise<void> {
  const { config, intake, metrics, logger } = parts;
  const keys = new Keys(config);
  const admitted = new Map<FastifyRequest, Admitted>();
  const leave = (request: FastifyRequest, change: Partial<Admitted>): void => {
    const place = admitted.get(request);
    if (place === undefined) return;
    Object.assign(place, change);
    if (place.ended && !place.working) admitted.delete(request);
  };
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(mediaTypes, { parseAs: "buffer", bodyLimit: config.maxBytes }, (_request, body, done) =>
      done(null, body),
    );
    scope.setErrorHandler((error: FastifyError | Error, request, reply) => {
      const refused = refusalOf(error, config);
      metrics.dropped.inc({ place: "endpoint", reason: refused.code.replace("TP_", "").toLowerCase() });
      if (refused.status >= 500 && !(error instanceof IntakeRefused)) {
        logger.error({ err: error, writer: admitted.get(request)?.writer.name }, "a request with ticks failed");
      }
      if (refused.retryAfter !== undefined) reply.header("retry-after", String(refused.retryAfter));
      return reply.status(refused.status).send({ code: refused.code, message: refused.message });
    });
    scope.route({
      method: "POST",
      url: "/v1/ingest",
      schema: ingestRouteSchema,
      // lines are read one by one, and refused one by one
      validatorCompiler: () => () => true,
      bodyLimit: config.maxBytes,
      onRequest: async (request, reply) => {
        const writer = keys.of(request.headers.authorization);
        if (writer === undefined) throw badKey();
        if (admitted.size >= config.maxRequests) throw busy();
        admitted.set(request, { writer, working: false, ended: false });
        reply.raw.once("close", () => leave(request, { ended: true }));
      },
      handler: async (request, reply) => {
        const { writer } = admitted.get(request)!;
        leave(request, { working: true });
        try {
          const answer = await intake.take(writer, textOf(request));
          return reply.status(answer.accepted === 0 ? 422 : 200).send(answer);
        } finally {
          leave(request, { working: false });
        }
      },
    });
  });
}

function textOf({ body }: FastifyRequest): string {
  const bytes = body as Buffer | undefined;
  if (bytes === undefined) return "";
  if (!isUtf8(bytes)) throw notText();
  return bytes.toString("utf8");
}

function refusalOf(error: FastifyError | Error, { maxBytes }: EndpointConfig): IntakeRefused {
  if (error instanceof IntakeRefused) return error;
  // from another thread it comes as an error of the same code
  if (error instanceof PlantError && "status" in error) {
    const { code, message, status, retryAfter } = error as PlantError & { status: number; retryAfter?: number };
    return new IntakeRefused(code, message, status, retryAfter);
  }
  const { code, statusCode } = error as FastifyError;
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") return tooLarge(maxBytes);
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") return wrongMedia();
  if (statusCode !== undefined && statusCode < 500) {
    return new IntakeRefused("TP_REQUEST_INVALID", error.message, statusCode);
  }
  return new IntakeRefused("TP_INTERNAL", "the request failed here; the log says why", 500);
}
