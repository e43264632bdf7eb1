/** A promise that a test settles: to keep a method running until the test says so. */
export { type Deferred, deferred } from '../../lib/core/util/deferred.js';
