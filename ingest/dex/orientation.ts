import type { Token } from "./pool.js";

const CASH = new Set(
  "USDC USDT DAI USDS FDUSD TUSD BUSD USDE PYUSD FRAX LUSD GHO USDBC USDC.E USDT0 USD₮0 USD₮ EURC".split(" "),
);
const RESERVE = new Set("WETH ETH WBTC CBBTC BTCB WBNB WMATIC WPOL WAVAX STETH WSTETH".split(" "));

/**
 * Whether token0 is the base currency: a currency of money quotes, else the chain's reserve asset does; of two alike
 * token1 quotes token0, as the pool does itself.
 */
export function baseIsToken0(token0: Token, token1: Token): boolean {
  const rank = ({ symbol }: Token) => (CASH.has(symbol.toUpperCase()) ? 2 : RESERVE.has(symbol.toUpperCase()) ? 1 : 0);
  return rank(token1) >= rank(token0);
}

/**
 * Which token a symbol of one's own means by its base currency: that whose name is more like it, and the other's like its
 * quote. Tokens are seldom called as their currency is: WETH and ETH, USD₮0 and USDT, USDC.e and USDC, cbBTC and BTC.
 *
 * @returns undefined where the names do not say
 */
export function baseBySymbol(symbol: string, token0: Token, token1: Token): "token0" | "token1" | undefined {
  const [base = "", quote = ""] = symbol.split(":")[0]!.split("/");
  const asIs = likeness(base, token0) + likeness(quote, token1);
  const turned = likeness(base, token1) + likeness(quote, token0);
  if (asIs === turned) return undefined;
  return asIs > turned ? "token0" : "token1";
}

/** 3 for the same name, 2 for the same currency, 1 where one holds the other. */
function likeness(currency: string, token: Token): number {
  const [wanted, given] = [currency.toUpperCase(), token.symbol.toUpperCase()];
  if (wanted === given) return 3;
  const [plainWanted, plainGiven] = [plainName(wanted), plainName(given)];
  if (plainWanted === "" || plainGiven === "") return 0;
  if (plainWanted === plainGiven) return 2;
  return plainGiven.includes(plainWanted) || plainWanted.includes(plainGiven) ? 1 : 0;
}

/** Without the marks of wrapping and bridges. */
const plainName = (name: string): string =>
  name
    .replaceAll("₮", "T")
    .replace(/\.[A-Z]+$/, "")
    .replace(/^(USD[TC]?)0$/, "$1")
    .replace(/^USDBC$/, "USDC")
    .replace(/^(W|CB|T|RENB?)(?=(ETH|BTC|BNB|MATIC|POL|AVAX|SOL)$)/, "")
    .replace(/^BTCB$/, "BTC");
