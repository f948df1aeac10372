let heard: (() => void) | undefined;

/**
 * Ends the process quietly when whoever reads its output has gone (`tickplant topics | head`), as the signal SIGPIPE
 * ends other programs; Node ignores that one and reports an error of the stream. A plant that runs is stopped in order
 * (`whenOutputCloses`).
 */
export function endWithOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (heard !== undefined) heard();
      else process.exit();
    });
  }
}

/** From now on the process does not end by itself when its output closes. @param stop is called then, once */
export function whenOutputCloses(stop: () => void): void {
  let isOver = false;
  heard = () => {
    if (isOver) return;
    isOver = true;
    stop();
  };
}
