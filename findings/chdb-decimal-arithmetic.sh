#!/usr/bin/env bash
# chdb 3.4.0 (ClickHouse engine 26.7), seen 2026-11-30.
#
# A price in a Decimal column compares and calculates otherwise than its text suggests:
#   - Decimal(38, 18) 60006.06 is not equal to the literal 60006.06, while Decimal(18, 8) 60006.06 is. The literal is a
#     Float64, and the wide decimal is turned into one with an error in its last bit.
#   - `%` of a Decimal and a whole number works on the decimal's units: 60006.06 % 7 at scale 8 is 0.00000003, not 2.06.
#   - accurateCast, which refuses a number that does not fit, cuts decimals of a text beyond the scale without an error.
# None of them raises an error. So a store of prices that analysts query needs other columns than wide decimals.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts chdb@3.4.0
cat > ask.mjs <<'JS'
import { query } from "chdb";
const ask = (sql) => String(query(`SELECT ${sql}`, "TSV")).trim();
console.log("engine", ask("splitByChar('.', version())[1] || '.' || splitByChar('.', version())[2]"));
console.log("wide equals literal", ask("toDecimal128('60006.06', 18) = 60006.06"));
console.log("narrow equals literal", ask("toDecimal64('60006.06', 8) = 60006.06"));
console.log("modulo", ask("toDecimal64('60006.06', 8) % 7"));
console.log("accurateCast", ask("accurateCast('0.129', 'Decimal(18, 2)')"));
JS
node ask.mjs | tee out.txt
diff out.txt - <<'OUT'
engine 26.7
wide equals literal 0
narrow equals literal 1
modulo 0.00000003
accurateCast 0.12
OUT
echo "as described"
