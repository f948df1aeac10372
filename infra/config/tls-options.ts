import { readFileSync } from "node:fs";
import type { TlsConfig } from "./services-config.js";

/** Reads the files of a TLS group. @throws Error naming a file that can not be read */
export function tlsOptions({ caFile, certFile, keyFile, serverName }: TlsConfig) {
  return {
    ...(caFile !== undefined && { ca: [readFileSync(caFile, "utf8")] }),
    ...(certFile !== undefined && { cert: readFileSync(certFile, "utf8") }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile, "utf8") }),
    ...(serverName !== undefined && { servername: serverName }),
  };
}
