import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { parse } from "yaml";
import type { PlantConfig } from "../../infra/config/plant-config.js";
import type { HeldCondition } from "../../infra/health.js";
import { runningCheck } from "../../plant/doctor/running.js";
import { type PrometheusHandle, startPrometheus } from "../../scripts/services/prometheus.mjs";
import { prometheusFolder, shippedAlerts } from "../infra/shipped-alerts.js";
import { MoodyExchange } from "../ingest/moody-exchange.js";
import { launchChromium } from "../push/chromium.js";
import { TestClient } from "../push/client.js";
import { Cluster, type Role, type RoleProcess } from "./cluster-rig.js";
import { freePort, until } from "./plant-process.js";

export const symbols = ["BTC/USDT", "NEW/USDT"] as const;
export const roles = ["ingest", "process", "sink", "push"] as const;
const EVERY_MS = 200;
const venue = "binance";

/** What a role's `/readyz` says. */
export interface Readiness {
  readonly status: number;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly conditions: readonly HeldCondition[];
}

/**
 * A cluster with all roles, a venue of five ticks a second a stream, and all who are to hear of its health: whoever asks
 * `/readyz` or `/metrics` of each role, a WebSocket client, the page in Chromium, the doctor.
 */
export class HealthRig {
  #hanging: NodeJS.Timeout | undefined;

  private constructor(
    readonly cluster: Cluster,
    readonly exchange: MoodyExchange,
    readonly urls: Readonly<Record<Role, string>>,
    readonly configs: Readonly<Record<Role, PlantConfig>>,
    readonly processes: Readonly<Record<Role, RoleProcess>>,
    readonly client: TestClient,
    private readonly prometheus: PrometheusHandle,
    private readonly browser: Browser,
    readonly page: Page,
  ) {}

  static async start(): Promise<HealthRig> {
    const exchange = await MoodyExchange.start(["BTC", "NEW"], EVERY_MS);
    const [cluster, browser] = await Promise.all([
      Cluster.start({
        logging: { level: "info" },
        ingest: { venues: [{ id: venue, ...exchange.settings, symbols: [...symbols] }], lease: { ttlMs: 6_000 } },
        process: { klineIntervals: ["1m"], checkpointMs: 1_000 },
      }),
      launchChromium(),
    ]);
    const started = await Promise.all(roles.map((role) => startRole(cluster, role))).catch(async (error) => {
      await Promise.all([cluster.stop(), exchange.stop(), browser.close()]);
      throw error;
    });
    const of = <Value>(value: (one: (typeof started)[number]) => Value) =>
      Object.fromEntries(started.map((one) => [one.role, value(one)])) as Record<Role, Value>;
    const { webSocketUrl } = cluster.urls(started.find(({ role }) => role === "push")!.process);
    const urls = of(({ url }) => url);
    const rig = new HealthRig(
      cluster,
      exchange,
      urls,
      of(({ config }) => config),
      of(({ process }) => process),
      await TestClient.connect(webSocketUrl),
      await watchedBy(cluster, started),
      browser,
      await browser.newPage(),
    );
    await rig.client.answer({ op: "subscribe", id: 1, channels: [...symbols.map((one) => `trade:${one}@${venue}`)] });
    await until(
      () => rig.allWell(),
      () => `all well at the start: ${JSON.stringify(rig.last)}`,
      120_000,
    );
    await rig.page.goto(`${urls.push}/#symbol=NEW%2FUSDT&venue=${venue}`);
    await rig.page.locator("#tape tr").first().waitFor();
    return rig;
  }

  /** Enough of a history is known for a stream to be judged by. */
  async streamsAreKnown(): Promise<void> {
    const trades = `trade:NEW/USDT@${venue}`;
    await until(() => this.client.envelopes(trades).length > 130, "trades", 120_000);
  }

  /** What each role said last, for messages. */
  readonly last: Partial<Record<Role, Readiness>> = {};

  async readiness(role: Role): Promise<Readiness> {
    const answer = await fetch(`${this.urls[role]}/readyz`, { signal: AbortSignal.timeout(5_000) });
    const body = (await answer.json()) as Omit<Readiness, "status">;
    const readiness = { ...body, conditions: body.conditions ?? [], status: answer.status };
    this.last[role] = readiness;
    return readiness;
  }

  /** By their /livez. */
  async isLive(role: Role): Promise<boolean> {
    return (await fetch(`${this.urls[role]}/livez`, { signal: AbortSignal.timeout(5_000) })).ok;
  }

  /** What the doctor says of a role that runs here. */
  async doctor(role: Role): Promise<string[]> {
    const findings = await runningCheck(this.configs[role]).run(new AbortController().signal);
    return findings.filter(({ verdict }) => verdict !== "ok").map(({ found }) => found);
  }

  /** What the role's log has said since a place in it. */
  logSince(role: Role, from: number): string {
    return this.processes[role].process.stderr.slice(from);
  }

  logEnd(role: Role): number {
    return this.processes[role].process.stderr.length;
  }

  /** What the shipped rule ConditionHolds finds of such a condition, in a Prometheus that scrapes as it is shipped. */
  async alertOf(condition: RegExp): Promise<string | undefined> {
    const { expr, alert } = shippedAlerts.find((rule) => rule.alert === "ConditionHolds")!;
    const answer = await fetch(`${this.prometheus.url}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const { data } = (await answer.json()) as { data: { result: { metric: Record<string, string> }[] } };
    const found = data.result.find(({ metric }) => condition.test(metric.condition!));
    return found && `${alert}: ${found.metric.role} ${found.metric.condition}`;
  }

  /** What the page's banner says; "" while there is none. */
  async banner(): Promise<string> {
    const banner = this.page.locator("#banner");
    return (await banner.isHidden()) ? "" : ((await banner.textContent()) ?? "");
  }

  /** What the client has been told and was not taken back: of its channels, and of the plant. */
  told(): string[] {
    const told = new Map<string, string[]>();
    for (const message of this.client.received) {
      if (message.op === "status") told.set(message.channel!, message.status === "stale" ? [message.reason!] : []);
      else if (message.op === "health") told.set("", message.reasons ?? []);
    }
    return [...told.values()].flat();
  }

  /** Nothing at all is told, by anybody. */
  async allWell(): Promise<boolean> {
    const said = await Promise.all(roles.map((role) => this.readiness(role).catch(() => undefined)));
    return said.every((one) => one?.ready && one.conditions.length === 0);
  }

  /** The store's engine answers nobody, however often it is replaced. */
  hangStore(): void {
    const stop = () => {
      const { pid } = this.cluster.store;
      if (pid !== undefined) process.kill(pid, "SIGSTOP");
    };
    stop();
    this.#hanging = setInterval(stop, 20);
  }

  resumeStore(): void {
    clearInterval(this.#hanging);
    const { pid } = this.cluster.store;
    if (pid !== undefined) process.kill(pid, "SIGCONT");
  }

  async stop(): Promise<void> {
    clearInterval(this.#hanging);
    this.client.close();
    await Promise.all([this.browser.close(), this.prometheus.stop()]);
    await this.cluster.stop();
    await this.exchange.stop();
  }
}

async function startRole(cluster: Cluster, role: Role) {
  const port = await freePort();
  const { push } = cluster.config;
  const own = role === "push" ? { push: { ...push, restPort: port } } : { metricsPort: port };
  const process = await cluster.role(role, role, own);
  const config: PlantConfig = { ...cluster.config, roles: [role], ...own };
  return { role, process, url: `http://127.0.0.1:${port}`, config };
}

/** A Prometheus with the rules and times that are shipped, over the roles where they are here. */
function watchedBy(cluster: Cluster, started: readonly { role: Role; url: string }[]): Promise<PrometheusHandle> {
  const shipped = parse(readFileSync(join(prometheusFolder, "prometheus.yml"), "utf8")) as { global: object };
  const file = join(cluster.folders.folder, "prometheus.yml");
  const scrape_configs = started.map(({ role, url }) => ({
    job_name: `tickplant-${role}`,
    static_configs: [{ targets: [new URL(url).host] }],
  }));
  const rule_files = [join(prometheusFolder, "alerts.yml")];
  writeFileSync(file, JSON.stringify({ global: shipped.global, rule_files, scrape_configs }));
  return startPrometheus({ config: file });
}
