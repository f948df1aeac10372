import { expect, test } from "vitest";
import { BufferPool } from "../../infra/buffer-pool.js";

test("a buffer that was given back is taken again, up to so many, and none of another size", () => {
  const pool = new BufferPool(16, 2);
  const taken = [pool.take(), pool.take(), pool.take()];
  expect(new Set(taken).size).toBe(3);
  pool.give(Buffer.alloc(32));
  for (const buffer of taken) pool.give(buffer);
  expect([pool.take(), pool.take()].every((buffer) => taken.includes(buffer))).toBe(true);
  const fresh = pool.take();
  expect(taken).not.toContain(fresh);
  expect(fresh.length).toBe(16);
});
