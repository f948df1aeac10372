#!/usr/bin/env bash
# ioredis 6.0.0 on Node 20.20.2 (V8 11.3), seen 2026-11-30.
#
# Loading ioredis 6 leaves String.prototype in V8's dictionary form, for the whole thread and for its life: the client has
# a class that extends String (the verbatim strings of RESP3). Optimised code then looks up methods of strings each time
# that they are called. A loop over a text with charCodeAt, as any hand-written parser of prices has it, takes about five
# times as long from then on, in code that has nothing to do with Redis. Writing a property to an object that inherits from
# String.prototype brings the fast form back.
#
# What is compared is the form; the times that are printed beside it are of the machine.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts ioredis@6.0.0
cat > form.mjs <<'JS'
const form = () => (%HasFastProperties(String.prototype) ? "fast" : "dictionary");
const text = "96193.41234567".repeat(1_000);
const passes = `
  let sum = 0;
  for (let pass = 0; pass < 300; pass++) for (let i = 0; i < text.length; i++) sum += text.charCodeAt(i);
  return sum`;
const time = () => {
  // new code each time, which knows nothing of what came before
  const read = new Function("text", `/* ${performance.now()} */ ${passes}`);
  read(text);
  const before = performance.now();
  for (let i = 0; i < 5; i++) read(text);
  return `${((performance.now() - before) * 1e6 / (5 * 300 * text.length)).toFixed(1)} ns a character`;
};
const tell = (when) => {
  console.error(`${when}: ${time()}`);
  console.log(`${when}: ${form()}`);
};
tell("before");
await import("ioredis");
tell("ioredis loaded");
Object.create(String.prototype).written = true;
tell("an heir written to");
JS
node --allow-natives-syntax form.mjs | tee out.txt
diff out.txt - <<'OUT'
before: fast
ioredis loaded: dictionary
an heir written to: fast
OUT
echo "as described"
