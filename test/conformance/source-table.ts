import { afterAll, it } from "vitest";
import { type CaseNumber, venueCases } from "./venue-contract.js";

const results = new Map<CaseNumber, string>();

/**
 * The venues' numbered cases for a source of another kind, whose own tests say what each means there: a test names the
 * cases that it is, and a table is printed when all of them are through.
 *
 * @param without cases that the source has nothing of, with the reason
 */
export function sourceCases(source: string, without: Readonly<Partial<Record<CaseNumber, string>>>) {
  for (const number of Object.keys(without) as CaseNumber[]) results.set(number, "–");
  afterAll(() => {
    const rows = (Object.keys(venueCases) as CaseNumber[]).map((number) => {
      const meaning = without[number] ?? venueCases[number].split(":")[0]!;
      return `| ${number}  | ${(results.get(number) ?? "no test").padEnd(9)} | ${meaning}`;
    });
    console.log(["", `| case | ${source.padEnd(9)} |`, ...rows, ""].join("\n"));
  });
  return (numbers: string, title: string, test: () => Promise<void>, timeoutMs?: number): void => {
    const cases = numbers.split(" ") as CaseNumber[];
    for (const number of cases) {
      if (venueCases[number] === undefined || without[number] !== undefined) throw new Error(`${number}: no such case`);
      results.set(number, "not run");
    }
    const run = async () => {
      for (const number of cases) results.set(number, "failed");
      await test();
      for (const number of cases) results.set(number, "ok");
    };
    it(`${numbers} ${title}`, run, timeoutMs);
  };
}
