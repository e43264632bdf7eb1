/** The entry `nestjs-locked/swagger`: the answers of locks in the document of `@nestjs/swagger`. */
export { ApiLocked, type ApiLockedOptions } from './api-locked.decorator.js';
export { documentLocks } from './document-locks.js';
