// Prints the path of a Chromium for the tests of the web page; installs Debian's where it may.
import { execFileSync } from "node:child_process";
import { findChromium } from "./find-chromium.mjs";

function installs() {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync("apt-get", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  execFileSync("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=300", ...args], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

let chromium = findChromium();
if (chromium === undefined && installs()) {
  try {
    apt("update");
    apt("install", "-y", "--no-install-recommends", "chromium");
    chromium = findChromium();
  } catch (error) {
    console.error(`apt-get could not install chromium: ${error.message}`);
  }
}
if (chromium === undefined) {
  console.error("No Chromium for the web page's tests: install it (Debian: apt-get install chromium) or set CHROMIUM.");
  process.exit(1);
}
console.log(chromium);
