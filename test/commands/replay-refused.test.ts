import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { mainFile, temporaryFolder } from "../plant/plant-process.js";

let folders: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folders = await temporaryFolder();
});
afterAll(() => folders.remove());

const start = Date.UTC(2026, 0, 1) * 1000;
const trade = (id: number, seconds: number, more: object = {}) => ({
  ...{
    kind: "trade",
    exchange: "kraken",
    symbol: "BTC/USDT",
    trade_id: `${id}`,
    price: "100.5",
    qty: "1",
    side: "buy",
  },
  receive_time: start + seconds * 1_000_000,
  ...more,
});

let files = 0;
function replayed(to: "stdout" | "plant", lines: readonly object[]) {
  const file = join(folders.folder, `${files++}.ndjson`);
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const plant = to === "plant" ? ["--data-folder", join(folders.folder, `plant-${files}`)] : [];
  const ports = { TICKPLANT__STORE__PORT: "0", TICKPLANT__PUSH__REST_PORT: "0", TICKPLANT__PUSH__WEB_SOCKET_PORT: "0" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [mainFile, "replay", file, "--to", to, ...plant], {
    env: { ...process.env, ...ports, TICKPLANT__LOGGING__LEVEL: "error" },
    encoding: "utf8",
  });
  return { status, stdout, stderr, file };
}

const refused = [
  trade(1, 0),
  trade(2, 1, { price: "0" }),
  trade(3, 2, { exchange_time: start + 3_600 * 1_000_000 }),
  trade(1, 3, { exchange_time: start }),
  trade(4, 4, { price: "-1" }),
  trade(5, 5),
];

it.each(["stdout", "plant"] as const)(
  "--to %s says what was refused, by reason with the first, and ends with 2",
  (to) => {
    const { status, stderr } = replayed(to, refused);
    expect(stderr).toMatch(/^refused as not_positive: 2, the first BTC\/USDT@kraken at 2026-01-01T00:00:0\S+: \S/m);
    expect(stderr).toMatch(/^refused as from_the_future: 1, the first BTC\/USDT@kraken at /m);
    expect(stderr).toMatch(/^refused as duplicate: 1, the first BTC\/USDT@kraken at /m);
    expect(stderr).toMatch(/nothing unreadable, 4 refused$/m);
    expect(status).toBe(2);
  },
);

it("a repeat alone is told, and nothing is missing; nor is where nothing was refused", () => {
  const repeated = replayed("stdout", [trade(1, 0), trade(2, 1), trade(1, 2, { exchange_time: start })]);
  expect(repeated.stderr).toMatch(/^refused as duplicate: 1, /m);
  expect(repeated.status).toBe(0);
  const whole = replayed("stdout", [trade(1, 0), trade(2, 1)]);
  expect(whole.stderr).toMatch(/nothing unreadable, nothing refused$/m);
  expect(whole.status).toBe(0);
});

it("a file that runs backwards in time is named with its first such line; small steps of several connections are not", () => {
  const { stderr, file } = replayed("stdout", [trade(1, 60), trade(2, 61), trade(3, 30), trade(4, 15.5), trade(5, 62)]);
  expect(stderr).toContain(
    `${file}: runs backwards in time, 2 records are earlier than one before, from line 3 on, by up to 45.5 s: `,
  );
  expect(replayed("stdout", [trade(1, 60), trade(2, 60.4), trade(3, 60.1)]).stderr).not.toContain("backwards");
});
