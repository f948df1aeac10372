#!/usr/bin/env bash
# ccxt 4.5.84, parseTimeframe, seen 2026-11-30.
#
# parseTimeframe gives a candle's length in seconds: for "1M" 30 days and for "1y" 365, whatever the month or year. Who pages
# fetchOHLCV by it, from a candle's opening plus its length, asks from 31 January after January's candle and gets February,
# then from 3 March, when March's has opened: March is skipped every year. A closing time reckoned so lies up to a day too
# early or two too late.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts ccxt@4.5.84
cat > ask.mjs <<'JS'
import ccxt from "ccxt";
const seconds = new ccxt.binance().parseTimeframe("1M");
console.log(`1M: ${seconds / 86_400} days, 1y: ${new ccxt.binance().parseTimeframe("1y") / 86_400} days`);
// an exchange answers with the candles that open at or after `since`
const opens = Array.from({ length: 12 }, (_, month) => Date.UTC(2023, month, 1));
const seen = [];
for (let since = opens[0]; ; ) {
  const open = opens.find((one) => one >= since);
  if (open === undefined) break;
  seen.push(new Date(open).getUTCMonth() + 1);
  since = open + seconds * 1000;
}
console.log(`months of 2023, one a page: ${seen.join(" ")}`);
JS
node ask.mjs | tee out.txt
diff out.txt - <<'OUT'
1M: 30 days, 1y: 365 days
months of 2023, one a page: 1 2 4 5 6 7 8 9 10 11 12
OUT
echo "as described: March is skipped"
