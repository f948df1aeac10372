import { type Command, Option } from "commander";
import type { PlantConfig } from "../infra/config/plant-config.js";
import { PlantError } from "../infra/errors.js";
import { createLogger } from "../infra/logging.js";
import { frameLetter } from "../ingest/dead-letters.js";
import { rawTopic } from "../ingest/publisher.js";
import { addRefused, isComplete, type ReplayReport, reportText } from "../ingest/replay/replay-report.js";
import { parsePool, parseSpeed, parseTime } from "../ingest/replay/replay-settings.js";
import type { ReplayOptions } from "../ingest/replay/replay-source.js";
import { replayToPlant } from "../ingest/replay/replay-to-plant.js";
import { replayToStdout } from "../ingest/replay/replay-to-stdout.js";
import { codecsOf, processSettings } from "../plant/parts.js";
import { type Plant, startPlant } from "../plant/plant.js";
import { SynchronousPlant } from "../processors/synchronous-plant.js";
import { openCodecs } from "../schemas/codec.js";
import { EmbeddedRegistry } from "../schemas/embedded-registry.js";
import { symbolOfText } from "../schemas/names.js";
import { type ConfigOptions, configOf, configOptions } from "./options.js";
import { untilSignal } from "./until-signal.js";

const DLQ = "market.dlq";
const READ_BYTES = 1024 * 1024;

/** A log holds one timeline, so a replay needs a plant that holds none yet. */
class PlantNotEmpty extends PlantError {
  constructor(folder: string) {
    super(
      "TP_PLANT_NOT_EMPTY",
      `the plant in ${folder} holds a timeline already: give the replay a folder of its own with --data-folder`,
    );
  }
}

interface ReplayCommandOptions extends ConfigOptions {
  readonly format: string;
  readonly venue?: string;
  readonly pool?: string;
  readonly symbol?: string;
  readonly speed: string;
  readonly until?: string;
  readonly to: "plant" | "stdout";
  readonly serve?: boolean;
}

/** `tickplant replay FILE…`: recordings through connectors and processors, printed or into a plant of their own. */
export function replayCommand(program: Command): void {
  configOptions(program.command("replay"))
    .description("run recordings through connectors and processors (docs/replay.md)")
    .argument("<file...>", "recordings that continue each other, in this order")
    .option(
      "--format <name>",
      "auto, tickplant, hftbacktest, cryptofeed, cryptofeed-v2, tardis, demeter-fetch or ticks",
      "auto",
    )
    .option("--venue <id>", "the venue, where the format does not say it")
    .option("--pool <tokens>", "demeter-fetch: tokens, decimals and fee of a pool, e.g. USDC:6,WETH:18,500")
    .option("--symbol <symbol>", "with --pool: the market's name, which says the base currency")
    .option("--speed <speed>", "a multiple of recorded time, or max", "max")
    .option("--until <time>", "time of the end record; by default the next full minute and the grace")
    .addOption(new Option("--to <target>", "where the outputs go").choices(["plant", "stdout"]).default("stdout"))
    .option("--serve", "with --to plant: go on serving until Ctrl-C")
    .action(async (files: string[], options: ReplayCommandOptions) => {
      const config = configOf(options, undefined, options.to === "plant" ? { roles: ["process", "sink", "push"] } : {});
      const replay: ReplayOptions = {
        files,
        format: options.format,
        graceMs: config.process.graceMs,
        ...(options.venue !== undefined && { venue: options.venue }),
        ...(options.pool !== undefined && { pool: { ...parsePool(options.pool), ...namedMarket(options) } }),
        ...(options.until !== undefined && { until: parseTime(options.until) }),
      };
      parseSpeed(options.speed);
      if (options.to === "stdout") summarise(await toStdout(config, replay));
      else await toPlant(config, replay, options);
    });
}

const namedMarket = ({ symbol }: ReplayCommandOptions) =>
  symbol === undefined ? {} : { symbol: symbolOfText(symbol) };

async function toStdout(config: PlantConfig, replay: ReplayOptions): Promise<ReplayReport> {
  const codecs = await openCodecs(new EmbeddedRegistry());
  const settings = processSettings(config);
  let plant: SynchronousPlant | undefined;
  let sequence = 0;
  const onRefused: ReplayOptions["onRefused"] = ({ venue, text, reason, detail, time }) => {
    const refused = { exchange: venue, text, reason, detail, timestamp: time, epoch: 0, sequence: ++sequence };
    plant?.deadLetter(frameLetter(refused));
  };
  return replayToStdout({ ...replay, onRefused }, process.stdout, (onOutput) => {
    const made = new SynchronousPlant({ settings, codecs, onOutput });
    plant = made;
    return { publish: (tick) => made.publish(tick), end: () => {} };
  });
}

async function toPlant(config: PlantConfig, replay: ReplayOptions, options: ReplayCommandOptions): Promise<void> {
  const logger = createLogger(config.logging);
  const speed = parseSpeed(options.speed);
  const plant = await startPlant(config, logger);
  try {
    const publisher = plant.publisher("replay");
    const letters = plant.deadLetters(0);
    const onRefused: ReplayOptions["onRefused"] = ({ venue, text, reason, detail, time }) => {
      letters.frame(venue, text, reason, detail, time);
    };
    const requireEmpty = () => refuseUnlessEmpty(plant, config);
    const report = await replayToPlant(
      { ...replay, speed, requireEmpty, onRefused },
      {
        publish: (tick) => publisher.publish(tick),
        room: () => publisher.room(),
        end: () => publisher.close(60_000),
      },
    );
    await letters.close(10_000);
    await plant.settled();
    await countRefused(plant, config, report);
    summarise(report);
    if (options.serve) {
      process.stderr.write(`serving at ${plant.restUrl} until Ctrl-C\n`);
      await Promise.race([untilSignal(), plant.failed]);
    }
  } finally {
    await plant.stop();
  }
}

/** What could not be read or was refused is said on stderr, and by exit code 2; the rest was replayed all the same. */
function summarise(report: ReplayReport): void {
  process.stderr.write(reportText(report));
  if (!isComplete(report)) process.exitCode = 2;
}

/** The plant was empty: all dead letters are this replay's. */
async function countRefused({ log }: Plant, config: PlantConfig, report: ReplayReport): Promise<void> {
  const codecs = await codecsOf(config);
  for (let partition = 0; partition < log.partitions(DLQ); partition++) {
    for await (const records of log.readToEnd(DLQ, partition, 0, READ_BYTES)) {
      for (const { value } of records) if (value !== null) addRefused(report, await codecs[DLQ].read(value));
    }
  }
}

/** @throws PlantNotEmpty */
async function refuseUnlessEmpty({ log }: Plant, config: PlantConfig): Promise<void> {
  for (let partition = 0; partition < log.partitions(rawTopic); partition++) {
    if ((await log.offsets(rawTopic, partition)).end === 0) continue;
    throw new PlantNotEmpty(config.dataFolder);
  }
}
