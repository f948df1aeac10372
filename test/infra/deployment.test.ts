import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { validate as lintDockerfile } from "dockerfile-utils";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../../infra/config/load-config.js";
import composeSchema from "./schemas/compose.json" with { type: "json" };

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const roles = ["ingest", "process", "sink", "push"];

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly disable?: boolean };
  readonly restart: string;
  readonly stop_grace_period?: string;
  readonly mem_limit?: string;
  readonly cpus?: number;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
}

describe("the compose file", () => {
  const text = read("infra/compose.yaml");
  const compose = parse(text, { merge: true }) as {
    services: Record<string, Service>;
    volumes: Record<string, unknown>;
  };
  const services = Object.entries(compose.services);

  it("is what the Compose specification allows", () => {
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
    const { $schema: _, ...schema } = composeSchema;
    const check = ajv.compile(schema);
    check(compose);
    expect(check.errors ?? []).toEqual([]);
    // and it would say what is wrong
    expect(check({ services: { kafka: { image: 5 } } })).toBe(false);
    expect(check({ services: { kafka: { imagge: "x" } } })).toBe(false);
    // what the schema can not say, such as anchors and variables, docker compose says where it is installed
    if (spawnSync("docker", ["compose", "version"]).status === 0) {
      const { status, stderr } = spawnSync("docker", [
        "compose",
        "-f",
        join(root, "infra/compose.yaml"),
        "config",
        "-q",
      ]);
      expect(status, String(stderr)).toBe(0);
    }
  });

  it.each(services)(
    "%s: exact image, bounds, a health check or a run to its end, ports on this machine alone",
    (name, service) => {
      expect(service.image).toMatch(/^[\w./-]+(:v?\d+\.\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})$/);
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

  it("publishes no port twice", () => {
    const published = services.flatMap(([, { ports = [] }]) => ports.map((port) => port.split(":")[1]));
    expect(new Set(published).size).toBe(published.length);
  });

  it("has passwords from the environment alone", () => {
    const secret = /^\s*(?:- )?"?\w*(?:PASSWORD|SECRET|TOKEN)"?: *(.*)$/gm;
    const values = [...text.matchAll(secret)].map(([, value]) => value!);
    expect(values.length).toBeGreaterThan(4);
    for (const value of values) expect(value).toMatch(/^\$\{\w+:-\w*\}$/);
  });

  it.each(roles)("runs %s by a command that exists, with a configuration that is valid in its environment", (role) => {
    const { command, environment, stop_grace_period } = compose.services[role]!;
    expect(command?.[0]).toBe(role);
    expect(read("commands/role.ts")).toContain(`  ${role}: `);
    const config = loadConfig({ file: join(root, command!.at(-1)!), env: inForce(environment!) });
    expect(config.store.password).toBe("tickplant");
    expect(config.bus.redis!.password).toBe("");
    expect(Number.parseInt(stop_grace_period!, 10)).toBeGreaterThan(10);
  });

  it("gives roles of several processes no folder in common", () => {
    for (const role of ["process", "sink", "push"]) expect(compose.services[role]!.volumes ?? []).toEqual([]);
  });

  it("names services that are there, on the ports that they have", () => {
    const { log, registry, bus, store } = loadConfig({ file: join(root, "config/cluster.yaml"), env: {} });
    const named = [...log.kafka!.brokers, ...bus.redis!.nodes, new URL(registry!.url).host, new URL(store.url!).host];
    const ports: Record<string, string> = { kafka: "9092", redis: "6379", registry: "8080", clickhouse: "8123" };
    for (const address of named) {
      const [name, port] = address.split(":") as [string, string];
      expect(compose.services).toHaveProperty(name);
      expect(port).toBe(ports[name]);
    }
  });

  it("deploys topics, schemas and tables before any role starts", () => {
    const script = compose.services.deploy!.command!.join("\n");
    for (const step of ["topics apply", "schemas register", "migrate"]) {
      expect(script).toContain(`node dist/main.js ${step} --config config/cluster.yaml`);
      expect(read("main.ts")).toContain(`commands/${step.split(" ")[0]}.js`);
      const [command, sub] = step.split(" ") as [string, string?];
      if (sub !== undefined) expect(read(`commands/${command}.ts`)).toContain(`.command("${sub}")`);
    }
    for (const role of roles) {
      expect(compose.services[role]!.depends_on).toMatchObject({
        deploy: { condition: "service_completed_successfully" },
      });
    }
  });

  /** What compose makes of `${NAME:-default}` with nothing set. */
  function inForce(environment: Readonly<Record<string, string | number>>): Record<string, string> {
    return Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [
        name,
        String(value).replace(/\$\{\w+:-([^}]*)\}/g, (_, fallback: string) => fallback),
      ]),
    );
  }
});

describe("the image", () => {
  const text = read("infra/Dockerfile");
  const lines = text.split("\n");

  it("has nothing that a linter finds", () => {
    expect(lintDockerfile(text)).toEqual([]);
    // and it would find something
    expect(lintDockerfile("FROM node\nEXPOSE x\n").length).toBeGreaterThan(0);
  });

  it("is built in stages from an exact version and does not run as root", () => {
    const from = lines.filter((line) => line.startsWith("FROM "));
    expect(from.length).toBeGreaterThan(1);
    for (const line of from) expect(line).toMatch(/^FROM node:24\.\d+\.\d+-[\w-]+(@sha256:[0-9a-f]{64})?( AS build)?$/);
    expect(lines.findLast((line) => line.startsWith("USER "))).toBe("USER node");
    expect(lines.some((line) => line.startsWith("HEALTHCHECK"))).toBe(true);
    expect(text).toContain('ENTRYPOINT ["node", "dist/main.js"]');
    expect(text).not.toMatch(/PASSWORD|SECRET|TOKEN/);
  });

  it("copies what is there, and what the build leaves out is nothing that it needs", () => {
    for (const [, list] of text.matchAll(/^COPY (?!--from)(.*) \.\/?$/gm))
      for (const name of list!.split(" ")) expect(existsSync(join(root, name)), name).toBe(true);
    const ignored = read(".dockerignore").split("\n");
    for (const name of ["node_modules", ".git", "data", "dist"]) expect(ignored).toContain(name);
    for (const name of ["config", "infra", "scripts", "push", "plant"]) expect(ignored).not.toContain(name);
  });

  it("sets keys that the configuration has", () => {
    const set = [...text.matchAll(/(TICKPLANT__\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!] as const);
    expect(set.length).toBe(3);
    const config = loadConfig({ file: join(root, "config/cluster.yaml"), env: Object.fromEntries(set) });
    expect(config).toMatchObject({ dataFolder: "/data", metricsHost: "0.0.0.0", push: { host: "0.0.0.0" } });
  });
});

describe("configurations", () => {
  it.each(readdirSync(join(root, "config")))("config/%s is valid", (file) => {
    expect(loadConfig({ file: join(root, "config", file), env: {} }).partitions).toBe(12);
  });
});
