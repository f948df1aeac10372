import type { ServiceHandle } from "./service-handle.mjs";

export interface PrometheusHandle extends ServiceHandle {
  readonly port: number;
  readonly url: string;
}

export function ensurePrometheus(): Promise<{ readonly prometheus: string; readonly promtool: string }>;
export function startPrometheus(options: { readonly config: string }): Promise<PrometheusHandle>;
