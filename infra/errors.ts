export { PlantError } from "../schemas/errors.js";
