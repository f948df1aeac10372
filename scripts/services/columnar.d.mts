export interface Columnar {
  readonly python: string;
  /** For PYTHONPATH. */
  readonly folder: string;
}
export function ensureColumnar(): Promise<Columnar>;
