// Closes a CI run: how many tests passed and failed. Skipped ones, or none at all, are failures.
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
const skipped = report.numPendingTests + report.numTodoTests;
for (const file of report.testResults) {
  for (const test of file.assertionResults) {
    if (test.status !== "passed") console.log(`${test.status}: ${test.fullName} (${file.name})`);
  }
}
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped} skipped`);
if (skipped > 0 || report.numTotalTests === 0 || !report.success) process.exit(1);
