export declare const nodeVersions: Readonly<Record<20 | 22 | 24 | 26, string>>;
export declare function nodeOf(major: 20 | 22 | 24 | 26): Promise<string>;
