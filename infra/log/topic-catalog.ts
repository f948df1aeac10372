import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { UnknownTopic } from "./errors.js";
import type { TopicSettings } from "./log.js";

/** Topics and their settings: `topics/<name>/topic.json`, with a folder for each partition beside it. */
export class TopicCatalog {
  private readonly known = new Map<string, TopicSettings>();

  constructor(private readonly folder: string) {
    mkdirSync(this.root, { recursive: true });
  }

  /** Creates it, or updates its settings; partitions are never taken away. @returns what holds now */
  put(wanted: TopicSettings): TopicSettings {
    const before = this.load(wanted.name);
    const settings = { ...wanted, partitions: Math.max(wanted.partitions, before?.partitions ?? 1) };
    for (let partition = 0; partition < settings.partitions; partition++) {
      mkdirSync(this.partitionFolder(wanted.name, partition), { recursive: true });
    }
    if (JSON.stringify(before) !== JSON.stringify(settings)) this.save(settings);
    this.known.set(settings.name, settings);
    return settings;
  }

  /** @throws UnknownTopic */
  get(topic: string): TopicSettings {
    const settings = this.known.get(topic) ?? this.load(topic);
    if (settings === undefined) throw new UnknownTopic(topic);
    return settings;
  }

  /** As `get`, and looks again whether somebody else has added the partition. @throws UnknownTopic */
  withPartition(topic: string, partition: number): TopicSettings {
    let settings = this.get(topic);
    if (partition >= settings.partitions) settings = this.load(topic) ?? settings;
    if (!(partition >= 0 && partition < settings.partitions)) throw new UnknownTopic(topic, partition);
    return settings;
  }

  list(): TopicSettings[] {
    return readdirSync(this.root)
      .sort()
      .flatMap((name) => this.load(decodeURIComponent(name)) ?? []);
  }

  partitionFolder(topic: string, partition: number): string {
    return join(this.root, folderName(topic), String(partition));
  }

  private get root(): string {
    return join(this.folder, "topics");
  }

  private load(topic: string): TopicSettings | undefined {
    try {
      const settings = JSON.parse(readFileSync(this.settingsPath(topic), "utf8")) as TopicSettings;
      this.known.set(topic, settings);
      return settings;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  private save(settings: TopicSettings): void {
    const path = this.settingsPath(settings.name);
    const fresh = `${path}.${process.pid}-${threadId}`;
    writeFileSync(fresh, JSON.stringify(settings));
    renameSync(fresh, path);
  }

  private settingsPath(topic: string): string {
    return join(this.root, folderName(topic), "topic.json");
  }
}

/** A name as a file name: letters, digits and `- _ .` stay as they are. */
export function folderName(name: string): string {
  return encodeURIComponent(name).replace(/^\./, "%2E").replaceAll("*", "%2A");
}
