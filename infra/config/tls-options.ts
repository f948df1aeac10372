import { readFileSync } from "node:fs";
import { PlantError } from "../errors.js";
import type { TlsConfig } from "./services-config.js";

/** A file that a TLS group names can not be read. */
export class TlsFileUnreadable extends PlantError {
  constructor(setting: keyof TlsConfig, file: string, cause: unknown) {
    super(
      "TP_TLS_FILE",
      `${setting} names ${file}, which can not be read (${(cause as Error).message}): mend the path or its rights`,
      {
        cause,
      },
    );
  }
}

/** Reads the files of a TLS group. @throws TlsFileUnreadable */
export function tlsOptions(tls: TlsConfig) {
  const { caFile, certFile, keyFile, serverName } = tls;
  return {
    ...(caFile !== undefined && { ca: [read("caFile", caFile)] }),
    ...(certFile !== undefined && { cert: read("certFile", certFile) }),
    ...(keyFile !== undefined && { key: read("keyFile", keyFile) }),
    ...(serverName !== undefined && { servername: serverName }),
  };
}

function read(setting: keyof TlsConfig, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new TlsFileUnreadable(setting, file, cause);
  }
}
