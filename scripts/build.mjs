// Builds both module formats with plain tsc: it alone keeps decorator metadata and one class per entry point.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
const dist = new URL('../dist/', import.meta.url);

rmSync(dist, { recursive: true, force: true });
for (const format of ['esm', 'cjs']) {
  const { status } = spawnSync(process.execPath, [tsc, '-p', `tsconfig.${format}.json`], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) {
    // Half a build must not pass for one.
    rmSync(dist, { recursive: true, force: true });
    process.exit(1);
  }
}
writeFileSync(new URL('cjs/package.json', dist), '{ "type": "commonjs" }\n');
