export { type Clock, wallClock } from "../infra/wall-clock.js";
