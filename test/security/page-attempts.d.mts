export interface Target {
  readonly url: string;
  readonly path: string;
  readonly body: string;
}

export declare function tryEverything(wanted: {
  readonly targets: readonly Target[];
  readonly webSocketUrl: string;
}): Promise<string[]>;
