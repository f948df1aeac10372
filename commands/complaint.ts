import { PlantError } from "../infra/errors.js";

/** The machine refused something that a command needs: a file, a port, a connection. */
class SystemRefused extends PlantError {
  constructor(cause: NodeJS.ErrnoException) {
    super(
      "TP_SYSTEM_REFUSED",
      `the machine refuses (${cause.message}): see that what it names is there, free, and open to this user`,
      {
        cause,
      },
    );
  }
}

/** A fault of the program. */
class Unexpected extends PlantError {
  constructor(cause: unknown) {
    super("TP_UNEXPECTED", `this is a fault of tickplant, please report it with what follows: ${String(cause)}`, {
      cause,
    });
  }
}

/** What a command says on stderr when it fails: a code and a sentence; a stack only where nobody foresaw it. */
export function complaintOf(error: unknown): string {
  if (error instanceof PlantError) return lineOf(error);
  const { code, syscall, stack } = (error ?? {}) as NodeJS.ErrnoException;
  if (typeof code === "string" && typeof syscall === "string") {
    return lineOf(new SystemRefused(error as NodeJS.ErrnoException));
  }
  return `${lineOf(new Unexpected(error))}${stack ?? ""}\n`;
}

const lineOf = ({ code, message }: PlantError): string => `${code}: ${message}\n`;
