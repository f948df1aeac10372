import { setFlagsFromString } from "node:v8";
import { expect, test } from "vitest";
import { makeStringsFast } from "../../infra/fast-strings.js";

setFlagsFromString("--allow-natives-syntax");
const isFast = new Function("return %HasFastProperties(String.prototype)") as () => boolean;

test("a class that extends String slows strings down, until they are made fast again", () => {
  class Special extends String {}
  expect(new Special("a").length).toBe(1);
  expect(isFast()).toBe(false);
  makeStringsFast();
  expect(isFast()).toBe(true);
});

test("who uses Redis has fast strings", async () => {
  await import("../../infra/redis/connection.js");
  expect(isFast()).toBe(true);
});
