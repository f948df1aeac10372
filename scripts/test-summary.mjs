// Closes a CI run: how many tests passed and failed. Skipped ones, or none at all, are failures.
import { readFileSync } from "node:fs";

const {
  numPassedTests: passed,
  numFailedTests: failed,
  skipped,
  total,
  success,
  testResults,
} = reportIn(process.argv[2]);
for (const file of testResults) {
  for (const test of file.assertionResults) {
    if (test.status !== "passed") console.log(`${test.status}: ${test.fullName} (${file.name})`);
  }
  if (file.status === "failed" && file.assertionResults.length === 0) console.log(`failed: ${file.name}`);
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
if (skipped > 0 || total === 0 || !success) process.exit(1);

/** A run that ended before its report was written has passed nothing. */
function reportIn(path) {
  try {
    const report = JSON.parse(readFileSync(path, "utf8"));
    return { ...report, skipped: report.numPendingTests + report.numTodoTests, total: report.numTotalTests };
  } catch {
    console.log("the tests wrote no report");
    return { numPassedTests: 0, numFailedTests: 0, skipped: 0, total: 0, success: false, testResults: [] };
  }
}
