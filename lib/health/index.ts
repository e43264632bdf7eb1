/** The entry `nestjs-locked/health`: a health indicator for `@nestjs/terminus`. */
export { LockHealthIndicator, type LockHealthOptions } from './lock.health-indicator.js';
