/**
 * The major version of Nest that the tests run on. test/nest-11/jest.config.js sets it if it is not the repository's
 * version.
 */
export const NEST_MAJOR = (globalThis as { NEST_MAJOR?: number }).NEST_MAJOR ?? 12;
