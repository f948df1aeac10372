import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { nodeOf } from "../../scripts/services/node.mjs";

const smoke = fileURLToPath(new URL("../../scripts/smoke.mjs", import.meta.url));

/** Which library serves where none is asked for: of Node 24 it goes by the machine's C library. */
const runs: [major: 20 | 22 | 24 | 26, sockets: string, served: readonly string[]][] = [
  [20, "auto", ["uws"]],
  [22, "ws", ["ws"]],
  [24, "auto", ["uws", "ws"]],
  [26, "auto", ["ws"]],
];

interface Ended {
  readonly code: number;
  readonly said: string;
  readonly report: { readonly node: string; readonly sockets: string } | undefined;
}

async function run(major: 20 | 22 | 24 | 26, sockets: string): Promise<Ended> {
  const node = await nodeOf(major);
  return new Promise((resolve) => {
    execFile(node, [smoke, "--sockets", sockets], (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, said: stdout + stderr, report: code === 0 ? JSON.parse(stdout) : undefined });
    });
  });
}

it("the whole plant starts, serves and stops on Node 20, 22, 24 and 26, with either library of WebSockets", async () => {
  const ended: Ended[] = [];
  // two at a time
  for (let at = 0; at < runs.length; at += 2) {
    ended.push(...(await Promise.all(runs.slice(at, at + 2).map(([major, sockets]) => run(major, sockets)))));
  }
  for (const [at, { code, said, report }] of ended.entries()) {
    const [major, , served] = runs[at]!;
    expect(code, said).toBe(0);
    expect(report!.node).toMatch(new RegExp(`^${major}\\.`));
    expect(served).toContain(report!.sockets);
    console.log(said.trim());
  }
}, 600_000);

it("where no binary of uWebSockets.js runs, a plant that insists on it says so", async () => {
  const { code, said } = await run(26, "uws");
  expect(code).toBe(1);
  expect(said).toContain("TP_SOCKETS_UNAVAILABLE");
  expect(said).toContain("push.sockets");
}, 300_000);
