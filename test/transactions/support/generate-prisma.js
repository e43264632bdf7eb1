/** Generates the Prisma client of prisma/schema.prisma, before the tests. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

export default function generatePrisma() {
  execFileSync(
    process.execPath,
    ['node_modules/prisma/build/index.js', 'generate', '--schema', 'prisma/schema.prisma'],
    {
      cwd: FOLDER,
      stdio: ['ignore', 'ignore', 'inherit'],
      // `generate` runs no engine. The path of any program prevents the download of one.
      env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1' },
    },
  );
}
