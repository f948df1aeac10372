/**
 * Worker thread of a child: ends the whole process when its standard input ends, which the parent holds open for as
 * long as it lives. It does no work of the process's thread pool, which queries may have taken.
 */
import { Socket } from "node:net";
import { endAtOnce } from "../end-at-once.js";

const pipe = new Socket({ fd: 0, readable: true, writable: false });
pipe.on("error", endAtOnce);
pipe.on("close", endAtOnce);
pipe.resume();
