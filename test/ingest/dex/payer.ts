import { concat, type Hex, numberToHex, size } from "viem";

/**
 * A contract that Uniswap V3 needs to talk to, as byte code: what it is called with goes on to the address in the first
 * 32 bytes; the pool's callbacks for a mint or a swap are paid from its own tokens. There is no compiler here.
 */
export function payerCode(): Hex {
  const runtime = assemble([
    ...selector,
    ...jumpIf(0xd3487997, "pay"), // uniswapV3MintCallback(uint256,uint256,bytes)
    ...jumpIf(0xfa461e33, "pay"), // uniswapV3SwapCallback(int256,int256,bytes)
    // calldatacopy(0, 32, calldatasize - 32); call(gas, calldataload(0), 0, 0, calldatasize - 32, 0, 0)
    ...[push(32), op.CALLDATASIZE, op.SUB, push(32), push(0), op.CALLDATACOPY],
    ...[push(0), push(0), push(32), op.CALLDATASIZE, op.SUB, push(0), push(0), push(0), op.CALLDATALOAD],
    ...[op.GAS, op.CALL],
    // returndatacopy(0, 0, returndatasize), then return or revert with it
    ...[op.RETURNDATASIZE, push(0), push(0), op.RETURNDATACOPY],
    ...["&done", op.JUMPI, op.RETURNDATASIZE, push(0), op.REVERT],
    ...[":done", op.RETURNDATASIZE, push(0), op.RETURN],
    ...[":pay", ...payment(0x0dfe1681, 4, "first"), ...payment(0xd21220a7, 36, "second"), op.STOP],
  ]);
  const length = size(runtime);
  // codecopy(0, 14, length); return(0, length): it is 14 bytes long itself
  const creation = assemble([push2(length), push(14), push(0), op.CODECOPY, push2(length), push(0), op.RETURN]);
  return concat([creation, runtime]);
}

const op = {
  STOP: "0x00",
  SUB: "0x03",
  SGT: "0x13",
  EQ: "0x14",
  ISZERO: "0x15",
  SHL: "0x1b",
  SHR: "0x1c",
  CALLER: "0x33",
  CALLDATALOAD: "0x35",
  CALLDATASIZE: "0x36",
  CALLDATACOPY: "0x37",
  CODECOPY: "0x39",
  RETURNDATASIZE: "0x3d",
  RETURNDATACOPY: "0x3e",
  POP: "0x50",
  MLOAD: "0x51",
  MSTORE: "0x52",
  JUMPI: "0x57",
  GAS: "0x5a",
  JUMPDEST: "0x5b",
  DUP1: "0x80",
  RETURN: "0xf3",
  STATICCALL: "0xfa",
  CALL: "0xf1",
  REVERT: "0xfd",
} as const;

const push = (value: number): Hex => concat(["0x60", numberToHex(value, { size: 1 })]);
const push2 = (value: number): Hex => concat(["0x61", numberToHex(value, { size: 2 })]);
const push4 = (value: number): Hex => concat(["0x63", numberToHex(value, { size: 4 })]);

const selector = [push(0), op.CALLDATALOAD, push(0xe0), op.SHR];
const jumpIf = (selector: number, label: string) => [op.DUP1, push4(selector), op.EQ, `&${label}`, op.JUMPI];
/** mstore(0, selector << 224) */
const storeSelector = (selector: number) => [push4(selector), push(0xe0), op.SHL, push(0), op.MSTORE];

/** If calldataload(at) > 0: caller.token().transfer(caller, calldataload(at)) */
function payment(token: number, at: number, label: string): string[] {
  return [
    // skip when not positive
    ...[push(0), push(at), op.CALLDATALOAD, op.SGT, op.ISZERO, `&${label}`, op.JUMPI],
    // staticcall(gas, caller, 0, 4, 0x80, 32)
    ...storeSelector(token),
    ...[push(32), push(0x80), push(4), push(0), op.CALLER, op.GAS, op.STATICCALL, op.POP],
    ...storeSelector(0xa9059cbb),
    ...[op.CALLER, push(4), op.MSTORE, push(at), op.CALLDATALOAD, push(36), op.MSTORE],
    // call(gas, token, 0, 0, 68, 0, 0)
    ...[push(0), push(0), push(68), push(0), push(0), push(0x80), op.MLOAD, op.GAS, op.CALL, op.POP],
    `:${label}`,
  ];
}

/** `:label` is a jump destination, `&label` pushes its place. */
function assemble(parts: readonly string[]): Hex {
  const places = new Map<string, number>();
  let at = 0;
  for (const part of parts) {
    if (part.startsWith(":")) places.set(part.slice(1), at);
    at += part.startsWith("&") ? 3 : part.startsWith(":") ? 1 : size(part as Hex);
  }
  return concat(
    parts.map((part) => {
      if (part.startsWith(":")) return op.JUMPDEST;
      return part.startsWith("&") ? push2(places.get(part.slice(1))!) : (part as Hex);
    }),
  );
}
