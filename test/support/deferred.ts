/** A promise that a test settles, for instance to end a method at a chosen time. */
export { type Deferred, deferred } from '../../lib/core/util/deferred.js';
