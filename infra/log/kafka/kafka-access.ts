import { connect } from "node:tls";
import type { PlantError } from "../../errors.js";
import { LogAccessRefused, LogUnavailable } from "./errors.js";
import type { KafkaAccess } from "./kafka-client.js";

const PROBE_TIMEOUT_MS = 2_000;

interface Failure {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly type?: string;
  readonly cause?: unknown;
  readonly originalError?: unknown;
}

/** Why the brokers could not be reached: by what they answered, and where that says nothing, by one look at them. */
export async function openFailure(access: KafkaAccess, error: unknown): Promise<PlantError> {
  const what = `Kafka at ${access.brokers.join(", ")}`;
  const all = causesOf(error);
  const text = all.map(({ code, message }) => `${code ?? ""} ${message ?? ""}`).join("; ");
  const refused = (todo: string, why = all.at(-1)?.message ?? String(error)) =>
    new LogAccessRefused(what, why.replace(/\s+/g, " ").trim(), todo, error);
  if (all.some(({ name, type }) => name === "KafkaJSSASLAuthenticationError" || type === "SASL_AUTHENTICATION_FAILED"))
    return refused("check log.kafka.sasl: mechanism, username and password");
  if (all.some(({ type }) => type?.endsWith("_AUTHORIZATION_FAILED")))
    return refused("give this user the rights on the namespace's topics, groups and transactional ids");
  if (/SASL .*mechanism|mechanism .*not supported|UNSUPPORTED_SASL_MECHANISM/i.test(text))
    return refused("check log.kafka.sasl.mechanism");
  if (access.tls !== undefined) {
    if (/altnames|ERR_TLS_CERT_ALTNAME/i.test(text))
      return refused("the certificate is for another name: set log.kafka.tls.serverName, or name the brokers so");
    if (/self.signed|unable to (get|verify)|CERT_|certificate has expired|DEPTH_ZERO/i.test(text))
      return refused("check log.kafka.tls.caFile: it names the authority that signed the brokers' certificate");
    if (/alert|bad certificate|certificate required/i.test(text))
      return refused("check log.kafka.tls.certFile and keyFile: the brokers demand a certificate of the client");
    if (/before secure TLS connection|wrong version number|packet length too long/i.test(text))
      return refused("the brokers speak no TLS on this port: take log.kafka.tls out, or name their TLS port");
  }
  if (wasHungUp(all)) {
    if (access.tls === undefined && (await speaksTls(access.brokers)))
      return refused("they demand TLS: add log.kafka.tls (`tls: {}` trusts the system's authorities)");
    if (access.sasl === undefined) return refused("they hang up on a client without a user: add log.kafka.sasl");
  }
  return new LogUnavailable(what, error);
}

/** The error and what lies beneath it, outermost first. */
function causesOf(error: unknown): Failure[] {
  const found: Failure[] = [];
  const visit = (one: unknown): void => {
    if (typeof one !== "object" || one === null || found.includes(one) || found.length > 8) return;
    found.push(one);
    visit((one as Failure).originalError);
    visit((one as Failure).cause);
  };
  visit(error);
  return found;
}

/** They answered to the connection, and ended it at the first words. */
const wasHungUp = (all: readonly Failure[]): boolean =>
  all.some(
    ({ name, code, message }) =>
      name === "KafkaJSConnectionClosedError" ||
      name === "KafkaJSRequestTimeoutError" ||
      code === "ECONNRESET" ||
      code === "EPIPE" ||
      /closed connection|connection timeout/i.test(message ?? ""),
  );

async function speaksTls(brokers: readonly string[]): Promise<boolean> {
  const answers = await Promise.all(brokers.map(shakesHands));
  return answers.includes(true);
}

function shakesHands(broker: string): Promise<boolean> {
  const colon = broker.lastIndexOf(":");
  const host = broker.slice(0, colon).replace(/^\[|\]$/g, "");
  return new Promise((resolve) => {
    // only a question of the protocol: nothing is sent, so whom it is does not matter
    const socket = connect({ host, port: Number(broker.slice(colon + 1)), rejectUnauthorized: false });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => end(false));
    socket.once("secureConnect", () => end(true));
    socket.once("error", () => end(false));
  });
}
