/** Ends this process as kill -9 would: no destructor of the engine waits for a query that runs. */
export function endAtOnce(): void {
  process.kill(process.pid, "SIGKILL");
}
