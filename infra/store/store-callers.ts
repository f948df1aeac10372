import { timingSafeEqual } from "node:crypto";

/** Who asks the embedded store: the plant's own processes, the configured user, or anybody on this machine. */
export type StoreCaller = "plant" | "owner" | "reader";

/** The user whose password is the secret of the plant's own processes. */
export const plantUser = "plant";
/** ClickHouse's name for who gives none. */
export const nobody = "default";

export interface StoreAccess {
  /** Made at each start; what the plant's own processes give with `plantUser`. */
  readonly secret?: string | undefined;
  /** The configured user; with a password it may write, and then nobody reads without it. */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Where chDB stands in for a ClickHouse server in tests: who gives no password may write, in any database. */
  readonly standIn?: boolean | undefined;
}

/** @returns undefined for a wrong user or password */
export function callerOf(access: StoreAccess, user: string, password: string): StoreCaller | undefined {
  const { secret } = access;
  if (secret !== undefined && user === plantUser && same(password, secret)) return "plant";
  const owner = access.user ?? nobody;
  const asked = access.password ?? "";
  if (asked !== "") return user === owner && same(password, asked) ? "owner" : undefined;
  if ((user !== owner && user !== nobody) || password !== "") return undefined;
  return access.standIn === true ? "owner" : "reader";
}

function same(given: string, wanted: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(wanted);
  return a.length === b.length && timingSafeEqual(a, b);
}
