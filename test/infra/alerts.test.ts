import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ensurePrometheus } from "../../scripts/services/prometheus.mjs";
import { prometheusFolder, shippedAlerts } from "./shipped-alerts.js";

const run = promisify(execFile);
const tests = parse(readFileSync(join(prometheusFolder, "alerts.test.yml"), "utf8")) as {
  tests: { alert_rule_test: { alertname: string; eval_time: string; exp_alerts: unknown[] }[] }[];
};

let promtool: string;
beforeAll(async () => {
  ({ promtool } = await ensurePrometheus());
}, 300_000);

const seconds = (time: string): number =>
  [...time.matchAll(/(\d+)([hms])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * { h: 3600, m: 60, s: 1 }[unit as "h" | "m" | "s"],
    0,
  );

describe("promtool", () => {
  it.each(["prometheus.yml", "embedded.yml"])("takes %s with its rules", async (name) => {
    const { stdout } = await run(promtool, ["check", "config", join(prometheusFolder, name)]);
    expect(stdout).toContain(`SUCCESS: ${shippedAlerts.length} rules found`);
  });

  it("finds that each alert fires after its stated time, and not otherwise", async () => {
    const { stdout } = await run(promtool, ["test", "rules", join(prometheusFolder, "alerts.test.yml")]);
    expect(stdout).toContain("SUCCESS");
  });

  it.each(shippedAlerts)(
    "alert $alert has a time at which it does not fire yet, and one evaluation later it does",
    ({ alert }) => {
      const own = tests.tests.flatMap(({ alert_rule_test }) =>
        alert_rule_test.filter(({ alertname }) => alertname === alert),
      );
      const fires = own.filter(({ exp_alerts }) => exp_alerts.length > 0).map(({ eval_time }) => seconds(eval_time));
      const quiet = own.filter(({ exp_alerts }) => exp_alerts.length === 0).map(({ eval_time }) => seconds(eval_time));
      expect(fires.length).toBeGreaterThan(0);
      expect(fires.some((time) => quiet.some((before) => before < time && time - before <= 60))).toBe(true);
    },
  );

  describe("with other rules", () => {
    const folder = mkdtempSync(join(tmpdir(), "tickplant-alerts-"));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    /** The alerts whose tests fail once the rules are changed. */
    async function failing(change: (rules: string) => string): Promise<Set<string>> {
      cpSync(prometheusFolder, folder, { recursive: true });
      const file = join(folder, "alerts.yml");
      writeFileSync(file, change(readFileSync(file, "utf8")));
      const failure = await run(promtool, ["test", "rules", join(folder, "alerts.test.yml")]).then(
        () => undefined,
        (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
      );
      return new Set([...(failure ?? "").matchAll(/alertname: (\w+), time/g)].map(([, name]) => name!));
    }
    const all = new Set(shippedAlerts.map(({ alert }) => alert));

    it("fails for each that waits longer", async () => {
      expect(await failing((rules) => rules.replaceAll(/for: (\d+)m$/gm, "for: 5$1m"))).toEqual(all);
    });
    it("fails for each that does not wait", async () => {
      expect(await failing((rules) => rules.replaceAll(/for: \d+m$/gm, "for: 1s"))).toEqual(all);
    });
  });
});
