export { PlantError } from "../schemas/errors.js";

/** Why it failed, on one line: fetch says it in the cause, refused connections in the parts of an aggregate. */
export function whyFailed(error: unknown): string {
  const { message, cause, errors } = error as { message?: string; cause?: unknown; errors?: unknown[] };
  const inner = errors?.[0] ?? (message === "fetch failed" ? cause : undefined);
  if (inner !== undefined) return whyFailed(inner);
  return (message || String(error)).replace(/\s+/g, " ").trim();
}
