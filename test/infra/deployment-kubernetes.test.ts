import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import formats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { loadConfig } from "../../infra/config/load-config.js";
import { Metrics } from "../../infra/metrics.js";
import { groups } from "../../plant/group-lag.js";
import kubernetesSchema from "./schemas/kubernetes.json" with { type: "json" };

const root = join(import.meta.dirname, "../..");
const folder = join(root, "infra/kubernetes");
const read = (path: string): string => readFileSync(join(folder, path), "utf8");
const roles = ["ingest", "process", "sink", "push"];

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has a shape of its own, which the schema holds
  readonly spec: any;
}
interface Kustomization {
  readonly resources: readonly string[];
  readonly configMapGenerator: readonly {
    readonly name: string;
    readonly files?: string[];
    readonly literals?: string[];
  }[];
  readonly secretGenerator?: readonly { readonly name: string; readonly envs: string[] }[];
  readonly patches?: readonly { readonly path: string; readonly target: { readonly kind: string } }[];
}

// biome-ignore lint/suspicious/noExplicitAny: the plugin's default export is not what its types say under ESM
const addFormats = ((formats as any).default ?? formats) as (ajv: Ajv) => void;
const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(kubernetesSchema, "kubernetes");
/** The strict schema of each apiVersion and kind. */
const schemas = new Map<string, ValidateFunction>();
for (const [name, definition] of Object.entries(kubernetesSchema.definitions)) {
  const { apiVersion, kind } = ("properties" in definition ? definition.properties : {}) as Record<
    string,
    { const?: string }
  >;
  if (apiVersion?.const !== undefined && kind?.const !== undefined)
    schemas.set(`${apiVersion.const} ${kind.const}`, ajv.compile({ $ref: `kubernetes#/definitions/${name}` }));
}

function problems(manifest: Manifest): unknown[] {
  const check = schemas.get(`${manifest.apiVersion} ${manifest.kind}`);
  if (check === undefined)
    return [`no schema of ${manifest.apiVersion} ${manifest.kind}: scripts/kubernetes-schema.mjs`];
  return check(manifest) ? [] : (check.errors ?? []);
}

const manifestsIn = (text: string): Manifest[] =>
  parseAllDocuments(text).map((document) => document.toJS() as Manifest);
const base = parse(read("base/kustomization.yaml")) as Kustomization;
const overlay = parse(read("overlays/example/kustomization.yaml")) as Kustomization;
const manifests = base.resources.flatMap((file) => manifestsIn(read(`base/${file}`)));
const named = manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const);
const find = (kind: string, name: string): Manifest =>
  manifests.find((one) => one.kind === kind && one.metadata.name === name)!;

describe("Kubernetes manifests", () => {
  it.each(named)("%s is what the API takes, to the last key", (_, manifest) => {
    expect(problems(manifest)).toEqual([]);
  });

  it("what the API would not take is found", () => {
    const deployment = find("Deployment", "push");
    const [container] = deployment.spec.template.spec.containers;
    const withContainer = (more: object): Manifest => {
      const changed = structuredClone(deployment);
      Object.assign(changed.spec.template.spec.containers[0], more);
      return changed;
    };
    expect(problems(withContainer({}))).toEqual([]);
    expect(problems(withContainer({ livenessProb: container.livenessProbe }))).not.toEqual([]);
    expect(problems(withContainer({ image: 5 }))).not.toEqual([]);
    expect(problems(withContainer({ ports: [{ name: "rest" }] }))).not.toEqual([]);
    expect(problems({ ...deployment, spec: { ...deployment.spec, replicas: "two" } })).not.toEqual([]);
  });

  it.each(roles)("%s has probes, bounds, no rights and a budget", (role) => {
    const { metadata, spec } = find("Deployment", role);
    const pod = spec.template.spec;
    const [container] = pod.containers;
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
    });
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(15);
    // the store's outage must not take all of push out of balance
    const ready = role === "push" ? "/livez" : "/readyz";
    expect(container).toMatchObject({
      livenessProbe: { httpGet: { path: "/livez" } },
      readinessProbe: { httpGet: { path: ready } },
      startupProbe: { httpGet: { path: "/livez" } },
      securityContext: {
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
      },
    });
    expect(container.resources.limits.memory).toBe(container.resources.requests.memory);
    expect(container.resources.requests.cpu).toBeDefined();
    expect(container.args).toEqual([role, "--config", "/config/cluster.yaml"]);
    const ports = container.ports.map(({ name }: { name: string }) => name);
    for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"])
      expect(ports).toContain(container[probe].httpGet.port);
    expect(spec.template.metadata.annotations["prometheus.io/port"]).toBe(role === "push" ? "8080" : "9100");
    const mounted = Object.fromEntries(
      container.volumeMounts.map(({ name, mountPath }: Record<string, string>) => [mountPath, name]),
    );
    const volumes = Object.fromEntries(pod.volumes.map((volume: { name: string }) => [volume.name, volume]));
    expect(volumes[mounted["/data"]!]).toHaveProperty("emptyDir");
    expect(volumes[mounted["/config"]!].configMap.name).toBe("tickplant-config");
    expect(spec.template.metadata.labels).toEqual(metadata.labels);
    for (const selector of [spec.selector, find("PodDisruptionBudget", role).spec.selector])
      expect(metadata.labels).toMatchObject(selector.matchLabels);
  });

  it("two of ingest: one stands by", () => {
    expect(find("Deployment", "ingest").spec.replicas).toBe(2);
  });

  it("push is reached by its ports' names", () => {
    const { selector, ports } = find("Service", "push").spec;
    const [container] = find("Deployment", "push").spec.template.spec.containers;
    expect(find("Deployment", "push").spec.template.metadata.labels).toMatchObject(selector);
    for (const { targetPort } of ports)
      expect(container.ports.map(({ name }: { name: string }) => name)).toContain(targetPort);
  });

  it("the job deploys what the compose file's does", () => {
    const { services } = parse(readFileSync(join(root, "infra/compose.yaml"), "utf8"), { merge: true }) as {
      services: { deploy: { command: string[] } };
    };
    const [container] = find("Job", "deploy").spec.template.spec.containers;
    expect(container.args.join("\n")).toBe(
      services.deploy.command.join("\n").replaceAll("config/cluster.yaml", "/config/cluster.yaml"),
    );
  });

  it("process and sink scale by a metric that the plant has, for a group that it has, up to its partitions", async () => {
    const lag = (await new Metrics().registry.getSingleMetric("mq_consumer_lag")?.get())?.name;
    const { partitions } = loadConfig({ file: join(folder, "base/cluster.yaml"), env: {} });
    for (const role of ["process", "sink"]) {
      const { scaleTargetRef, metrics, maxReplicas } = find("HorizontalPodAutoscaler", role).spec;
      expect(scaleTargetRef).toEqual({ apiVersion: "apps/v1", kind: "Deployment", name: role });
      const { name, selector } = metrics[0].external.metric;
      expect(name).toBe(lag);
      expect(groups.map(({ group }) => group)).toContain(selector.matchLabels.consumer_group);
      expect(maxReplicas).toBeLessThanOrEqual(partitions);
    }
    const { rules } = parse(read("prometheus-adapter.yaml")) as {
      rules: { external: { name: { as: string }; seriesQuery: string }[] };
    };
    expect(rules.external[0]).toMatchObject({ name: { as: lag }, seriesQuery: expect.stringContaining(lag!) });
  });
});

describe("kustomizations", () => {
  const written = { base, "overlays/example": overlay };

  it.each(Object.entries(written))("%s names what is there, and all of it", (place, kustomization) => {
    const listed = [
      ...kustomization.resources,
      ...kustomization.configMapGenerator.flatMap(({ files = [] }) => files),
      ...(kustomization.secretGenerator ?? []).flatMap(({ envs }) => envs),
      ...(kustomization.patches ?? []).map(({ path }) => path),
    ];
    for (const path of listed) expect(existsSync(join(folder, place, path)), path).toBe(true);
    for (const file of readdirSync(join(folder, place))) {
      if (file !== "kustomization.yaml") expect(listed).toContain(file);
    }
  });

  it("what the pods take their settings from is generated", () => {
    const generated = [...base.configMapGenerator, ...overlay.secretGenerator!].map(({ name }) => name);
    for (const { kind, spec } of manifests.filter(({ kind }) => kind === "Deployment" || kind === "Job")) {
      for (const { configMapRef, secretRef } of spec.template.spec.containers[0].envFrom)
        expect(generated, kind).toContain((configMapRef ?? secretRef).name);
    }
  });

  it("the base's configuration is a copy of config/cluster.yaml", () => {
    expect(read("base/cluster.yaml")).toBe(readFileSync(join(root, "config/cluster.yaml"), "utf8"));
  });

  it("the example's configuration is valid with the example's environment and secrets, and its secrets are placeholders", () => {
    const secrets = read("overlays/example/secrets.env").trim().split("\n");
    for (const line of secrets) expect(line).toMatch(/^TICKPLANT__\w+__PASSWORD=change-me$/);
    const literals = [base, overlay].flatMap(({ configMapGenerator }) =>
      configMapGenerator.flatMap((generator) => generator.literals ?? []),
    );
    const env = Object.fromEntries([...literals, ...secrets].map((line) => line.split("=") as [string, string]));
    const config = loadConfig({ file: join(folder, "overlays/example/cluster.yaml"), env });
    expect(config.dataFolder).toBe("/data");
    expect(config.log.kafka!.sasl!.password).toBe("change-me");
    // a loss of one broker's disk loses nothing that all replicas in sync had
    expect(config.log.kafka).toMatchObject({ replication: 3, minInSyncReplicas: 2 });
    // several ingest processes and a simulator inside each would be several exchanges
    expect(config.simulator.venues).toEqual([]);
  });

  it("the example's patches leave manifests that the API takes", () => {
    for (const { path, target } of overlay.patches!) {
      const operations = parse(read(`overlays/example/${path}`)) as { op: string; path: string; value: unknown }[];
      const targets = manifests.filter(({ kind }) => kind === target.kind);
      expect(targets.length).toBeGreaterThan(0);
      for (const manifest of targets) {
        const patched = structuredClone(manifest);
        for (const { op, path: pointer, value } of operations) {
          expect(op).toBe("add");
          const keys = pointer.split("/").slice(1, -1);
          // biome-ignore lint/suspicious/noExplicitAny: any place of any manifest
          const list = keys.reduce((at: any, key) => at[key], patched) as unknown[];
          expect(pointer.endsWith("/-") && Array.isArray(list), pointer).toBe(true);
          list.push(value);
        }
        expect(problems(patched)).toEqual([]);
      }
    }
    const namespaces = manifestsIn(read("overlays/example/namespace.yaml"));
    expect(namespaces.flatMap(problems)).toEqual([]);
  });

  it("kustomize renders the example into manifests that the API takes, where this machine has it", () => {
    const at = join(folder, "overlays/example");
    const commands = [
      ["kubectl", "kustomize", at],
      ["kustomize", "build", at],
    ];
    const rendered = commands
      .map(([program, ...args]) => spawnSync(program!, args, { encoding: "utf8" }))
      .find(({ error }) => error === undefined);
    // without a program the tests above hold the same files by themselves
    const result = rendered === undefined ? manifests : manifestsIn(rendered.stdout);
    expect(rendered?.stderr ?? "").toBe("");
    expect(result.length).toBeGreaterThanOrEqual(manifests.length);
    expect(result.flatMap(problems)).toEqual([]);
    const configMap = result.find(({ metadata }) => metadata.name.startsWith("tickplant-config"));
    const text = (configMap as { data?: Record<string, string> } | undefined)?.data?.["cluster.yaml"];
    if (text === undefined) return;
    const temporary = mkdtempSync(join(tmpdir(), "tickplant-kustomize-"));
    writeFileSync(join(temporary, "cluster.yaml"), text);
    const env = { TICKPLANT__LOG__KAFKA__SASL__PASSWORD: "x" };
    expect(loadConfig({ file: join(temporary, "cluster.yaml"), env }).log.kafka!.replication).toBe(3);
    rmSync(temporary, { recursive: true });
  });
});
