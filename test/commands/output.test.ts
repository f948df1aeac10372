import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { complaintOf } from "../../commands/complaint.js";
import { freePort, PlantProcess, temporaryFolder, testConfig } from "../plant/plant-process.js";

let folders: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
beforeAll(async () => {
  folders = await temporaryFolder();
  file = join(folders.folder, "plant.json");
  const port = await freePort();
  const venue = {
    id: "binance",
    connector: "ccxt" as const,
    symbols: ["BTC/USDT"],
    settings: { restUrl: `http://127.0.0.1:${port}` },
  };
  const config = testConfig({ dataFolder: join(folders.folder, "data"), ingest: { venues: [venue] } });
  await writeFile(file, JSON.stringify(config));
});
afterAll(() => folders.remove());

const main = new URL("../../dist/main.js", import.meta.url).pathname;

describe("a command whose output nobody reads to its end", () => {
  it.each(["config", "topics", "schemas check"])("ends without a word: %s", async (words) => {
    const child = spawn(process.execPath, [main, ...words.split(" "), "--config", file], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let said = "";
    child.stderr.on("data", (text) => {
      said += text;
    });
    const [code] = await once(child, "close");
    expect(said).toBe("");
    expect(code).toBe(0);
  });
});

describe("what a command says", () => {
  it("an exchange that can not be reached is an error by its code", async () => {
    const words = ["klines", "--exchange", "binance", "--symbol", "BTC/USDT", "--interval", "1m"];
    const command = new PlantProcess([...words, "--from", "2026-01-01T00:00:00Z", "--config", file]);
    expect((await command.ended).code).toBe(1);
    expect(command.stderr).toMatch(/^TP_EXCHANGE_UNAVAILABLE: binance .*ECONNREFUSED.*\n$/);
  });

  it("migrate tells what it did, and when there was nothing to do", async () => {
    const said = async () => {
      const command = new PlantProcess(["migrate", "--config", file]);
      expect((await command.ended).code).toBe(0);
      return command.stdout;
    };
    expect(await said()).toMatch(/^migrations 1, .* applied.*: the store is up to date\n$/);
    expect(await said()).toBe("nothing to do: the store is up to date\n");
  });

  it("what the machine refuses has a code, and a stack only where nobody foresaw it", () => {
    const refused = Object.assign(new Error("listen EADDRINUSE: 127.0.0.1:80"), {
      code: "EADDRINUSE",
      syscall: "listen",
    });
    expect(complaintOf(refused)).toMatch(/^TP_SYSTEM_REFUSED: .*EADDRINUSE: 127.0.0.1:80.*\n$/);
    expect(complaintOf(new TypeError("x is not a function"))).toMatch(/^TP_UNEXPECTED: .*report it.*\n(?:.*\n)* +at /);
    expect(complaintOf("nothing")).toMatch(/^TP_UNEXPECTED: /);
  });
});
