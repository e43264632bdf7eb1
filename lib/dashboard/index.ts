/** The entry `nestjs-locked/dashboard`. */
export { isLockError } from '../errors/index.js';
