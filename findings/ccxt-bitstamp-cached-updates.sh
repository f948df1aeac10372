#!/usr/bin/env bash
# ccxt 4.5.84, ccxt.pro's bitstamp, seen 2026-11-30.
#
# While watchOrderBook waits for REST's order book, updates of the stream are kept, and getCacheIndex says which of them
# come after the order book. Bitstamp numbers nothing: an update belongs to a book when its microtimestamp is later than
# the book's. getCacheIndex looks for an update of the very same microtimestamp, and where there is none, which is the rule
# between two updates, it answers that none of them comes after: all kept updates are left out, also those that are later.
# The book is wrong from its start in every level that they changed, and nothing says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts ccxt@4.5.84
cat > ask.mjs <<'JS'
import ccxt from "ccxt";
const exchange = new ccxt.pro.bitstamp();
const updates = [1_000_100, 1_000_200, 1_000_300].map((time) => ({ microtimestamp: String(time) }));
for (const nonce of [1_000_050, 1_000_200, 1_000_150]) {
  const from = exchange.getCacheIndex({ nonce }, updates);
  const applied = from < 0 ? "asks again" : updates.slice(from).map(({ microtimestamp }) => microtimestamp).join(" ") || "none";
  console.log(`book of ${nonce}: ${applied}`);
}
JS
node ask.mjs | tee out.txt
diff out.txt - <<'OUT'
book of 1000050: asks again
book of 1000200: 1000300
book of 1000150: none
OUT
echo "as described: the book of 1000150 lacks the updates of 1000200 and 1000300"
