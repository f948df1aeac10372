#!/usr/bin/env bash
# ccxt 4.5.84, ccxt.pro's bybit, seen 2026-12-01.
#
# watchBidsAsks subscribes Bybit's book of one level (orderbook.1.SYMBOL), watchOrderBook that of 50 (orderbook.50.SYMBOL). Both
# are read by handleOrderBook, which keeps one book a symbol and looks at the depth only to tell whom to wake. The book of one
# level always comes as a snapshot: each one empties the book of 50, and leaves the best level. Updates of the 50 go on upon
# that, so who watches both has books that lack nearly all of their levels, without an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts ccxt@4.5.84
cat > ask.mjs <<'JS'
import ccxt from "ccxt";
const exchange = new ccxt.pro.bybit();
const market = exchange.safeMarketStructure({
  ...{ id: "BTCUSDT", symbol: "BTC/USDT", base: "BTC", quote: "USDT", baseId: "BTC", quoteId: "USDT" },
  ...{ type: "spot", spot: true, swap: false, future: false, option: false, contract: false, active: true },
  precision: { price: 0.01, amount: 0.000001 },
});
exchange.setMarkets([market]);
const client = { url: "wss://stream.bybit.com/v5/public/spot", resolve() {}, reject(error) { throw error; } };
const frame = (topic, type, b, a, u) =>
  exchange.handleOrderBook(client, { topic: `${topic}.BTCUSDT`, type, ts: 1_767_225_600_000 + u, cts: 0, data: { s: "BTCUSDT", b, a, u, seq: u } });
const show = (what) => {
  const { bids, asks } = exchange.orderbooks["BTC/USDT"];
  console.log(`${what}: ${bids.length} bids, ${asks.length} asks`);
};
const side = (from, step) => Array.from({ length: 50 }, (_, n) => [String(from + n * step), "1"]);
frame("orderbook.50", "snapshot", side(100, -1), side(101, 1), 1);
show("book of 50");
frame("orderbook.1", "snapshot", [["100", "2"]], [["101", "2"]], 7);
show("after the best level");
frame("orderbook.50", "delta", [["98", "3"]], [], 2);
show("after an update of the 50");
JS
node ask.mjs | tee out.txt
diff out.txt - <<'OUT'
book of 50: 50 bids, 50 asks
after the best level: 1 bids, 1 asks
after an update of the 50: 2 bids, 1 asks
OUT
echo "as described: 48 bids and 49 asks are gone, and nothing says so"
