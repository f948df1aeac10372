import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { recording } from "../../recordings.js";
import type { Build } from "./build-of-commit.js";
import { type Cost, costOf } from "./process-cost.js";
import { serving } from "./serving.js";

export interface Workload {
  readonly name: string;
  readonly about: string;
  /** @param folder an empty one for this run alone */
  run(build: Build, folder: string): Promise<Result>;
}

export interface Result extends Cost {
  /** Of all that came out, where the same input has one right output. */
  readonly digest?: string;
}

const tape = ["replay", "--venue", "binanceusdm", "--until", "2024-08-08T23:55:45Z"];

/** What both builds do, through what users call: the command line, REST and WebSocket, whose shape stays. */
export const workloads: readonly Workload[] = [
  {
    name: "processors",
    about: "replay of 90 s of Binance USD-M BTCUSDT (trades, quotes, depth) to standard output",
    async run(build) {
      const hash = createHash("sha256");
      const args = [mainOf(build), ...tape, recording("hftbacktest/usdm/btcusdt_20240808.gz"), "--to", "stdout"];
      const use = async (child: ChildProcess) => {
        for await (const chunk of child.stdout!) hash.update(chunk as Buffer);
      };
      return { ...(await costOf({ args, use })), digest: hash.digest("hex") };
    },
  },
  {
    name: "plant",
    about: "the same recording into an embedded plant: log, processors, sink and store",
    run(build, folder) {
      const data = join(folder, "data");
      mkdirSync(data);
      const file = recording("hftbacktest/usdm/btcusdt_20240808.gz");
      const args = [mainOf(build), ...tape, file, "--to", "plant", "--data-folder", data];
      const env = {
        TICKPLANT__STORE__PORT: "0",
        TICKPLANT__PUSH__REST_PORT: "0",
        TICKPLANT__PUSH__WEB_SOCKET_PORT: "0",
      };
      return costOf({ args, env, use: drained });
    },
  },
  {
    name: "serving",
    about: "20,000 ticks posted to a plant at 4,000/s, 20 WebSocket clients on trades, tickers and depth",
    run: (build, folder) => serving(mainOf(build), folder),
  },
];

function mainOf({ folder }: Build): string {
  return join(folder, "dist/main.js");
}

async function drained(child: ChildProcess): Promise<void> {
  child.stdout!.resume();
  await once(child, "close");
}
