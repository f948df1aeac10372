// Cuts the kinds that infra/kubernetes uses out of Kubernetes' own OpenAPI description, without its prose, and makes it
// strict: a key that Kubernetes does not know is refused. Usage, with the Go module k8s.io/kubernetes at a version:
// node scripts/kubernetes-schema.mjs FOLDER/api/openapi-spec/swagger.json VERSION > test/infra/schemas/kubernetes.json
import { readFileSync } from "node:fs";

const kinds = [
  "io.k8s.api.apps.v1.Deployment",
  "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
  "io.k8s.api.batch.v1.Job",
  "io.k8s.api.core.v1.ConfigMap",
  "io.k8s.api.core.v1.Namespace",
  "io.k8s.api.core.v1.Secret",
  "io.k8s.api.core.v1.Service",
  "io.k8s.api.core.v1.ServiceAccount",
  "io.k8s.api.networking.v1.NetworkPolicy",
  "io.k8s.api.policy.v1.PodDisruptionBudget",
];
const { definitions } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const kept = {};

function keep(name) {
  if (kept[name] !== undefined) return;
  kept[name] = {};
  kept[name] = strict(definitions[name]);
}

function strict(schema) {
  if (schema.$ref !== undefined) {
    keep(schema.$ref.slice("#/definitions/".length));
    return { $ref: schema.$ref };
  }
  if (schema.format === "int-or-string") return { type: ["integer", "string"] };
  const result = {};
  for (const key of ["type", "format", "enum", "required"]) if (schema[key] !== undefined) result[key] = schema[key];
  if (schema.items !== undefined) result.items = strict(schema.items);
  if (schema.properties !== undefined) {
    result.properties = Object.fromEntries(Object.entries(schema.properties).map(([key, one]) => [key, strict(one)]));
    result.additionalProperties = false;
  }
  if (typeof schema.additionalProperties === "object")
    result.additionalProperties = strict(schema.additionalProperties);
  for (const { group, version, kind } of schema["x-kubernetes-group-version-kind"] ?? []) {
    if (!kinds.some((name) => definitions[name] === schema)) break;
    result.required = [...new Set([...(result.required ?? []), "apiVersion", "kind", "metadata"])];
    result.properties.apiVersion = { const: group === "" ? version : `${group}/${version}` };
    result.properties.kind = { const: kind };
  }
  return result;
}

for (const name of kinds) keep(name);
const schema = {
  $comment: `From the OpenAPI description of Kubernetes ${process.argv[3]}, Apache-2.0; made by scripts/kubernetes-schema.mjs`,
  definitions: kept,
};
process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
