import { record, text } from "./fields.js";

export const STATE = record("State", [text("value", "JSON text")]);
