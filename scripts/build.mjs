// Builds both module formats with plain tsc: it alone keeps decorator metadata and one class per entry point.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const tsc = new URL('node_modules/typescript/bin/tsc', root).pathname;

rmSync(new URL('dist', root), { recursive: true, force: true });
for (const format of ['esm', 'cjs']) {
  execFileSync(process.execPath, [tsc, '-p', `tsconfig.${format}.json`], { cwd: root, stdio: 'inherit' });
}
writeFileSync(new URL('dist/cjs/package.json', root), '{ "type": "commonjs" }\n');
