/** The entry `nestjs-locked/telemetry`. */
export { isLockError } from '../errors/index.js';
