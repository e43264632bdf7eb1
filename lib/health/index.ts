/** The entry `nestjs-locked/health`. */
export { isLockError } from '../errors/index.js';
