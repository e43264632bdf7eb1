// Which build of nestjs-locked is measured: ../dist, or the folder that LOCK_BENCH_DIST names, to compare two builds.
import { resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = process.env.LOCK_BENCH_DIST ?? fileURLToPath(new URL('../../dist', import.meta.url));

/** The address of its ES module. */
export const ours = new URL('esm/index.js', pathToFileURL(resolve(folder) + sep)).href;
