/** A statement or setting that the store's front refuses, in ClickHouse's codes (src/Common/ErrorCodes.cpp). */
export class StatementRefused extends Error {
  constructor(
    readonly code: number,
    readonly codeName: string,
    message: string,
  ) {
    super(message);
  }

  static access(message: string): StatementRefused {
    return new StatementRefused(497, "ACCESS_DENIED", message);
  }

  static readonly(message: string): StatementRefused {
    return new StatementRefused(164, "READONLY", message);
  }

  static syntax(message: string): StatementRefused {
    return new StatementRefused(62, "SYNTAX_ERROR", message);
  }
}
