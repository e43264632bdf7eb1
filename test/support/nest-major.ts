/** The version of Nest that the tests run on: test/nest-11/jest.config.js says so where it is not the repository's own. */
export const NEST_MAJOR = (globalThis as { NEST_MAJOR?: number }).NEST_MAJOR ?? 12;
