import { logContract } from "../conformance/log-contract.js";
import { logFolder } from "./log-folder.js";

logContract("EmbeddedLog", async () => {
  const { open, cleanup } = await logFolder();
  const log = await open();
  return {
    log,
    cleanup,
    reopen: async () => {
      await log.close();
      return open();
    },
  };
});

logContract("EmbeddedLog with tiny segments", async () => {
  const { open, cleanup } = await logFolder({ segmentBytes: 200 });
  const log = await open();
  return {
    log,
    cleanup,
    reopen: async () => {
      await log.close();
      return open();
    },
  };
});
