// Which build of nestjs-locked is measured: ../dist, or the folder that LOCK_BENCH_DIST names.
import { resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const folder = resolve(
  process.env.LOCK_BENCH_DIST ?? fileURLToPath(new URL('../../dist', import.meta.url)),
);

/** The address of its ES module. */
export const ours = new URL('esm/index.js', pathToFileURL(folder + sep)).href;
