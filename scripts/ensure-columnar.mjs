// Installs the readers of Parquet that the documented backup is held against, once, in an environment of their own.
import { ensureColumnar } from "./services/columnar.mjs";

try {
  console.log(await ensureColumnar());
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
