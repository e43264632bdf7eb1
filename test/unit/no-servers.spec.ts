/** `npm run test:unit` is for a machine without a server: nothing that a spec of this folder imports may start one. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, normalize } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { importsOf } from '../support/architecture.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = 'test/unit';

/** The name of a server's program, as a whole string. */
const PROGRAM = /(['"`])(?:redis|valkey)-server\1/;

/** The repository's files that a file leads to, each with the imports that lead there. Types load nothing. */
function reachedFrom(spec: string): Map<string, string[]> {
  const reached = new Map([[spec, [spec]]]);
  for (const [file, way] of reached) {
    for (const { specifier, typeOnly } of importsOf(file, readFileSync(join(ROOT, file), 'utf8'))) {
      const target = normalize(join(file, '..', specifier.replace(/\.js$/, '.ts')));
      if (typeOnly || !specifier.startsWith('.') || !existsSync(join(ROOT, target))) continue;
      if (target.endsWith('.ts') && !reached.has(target)) reached.set(target, [...way, target]);
    }
  }
  return reached;
}

function waysToServers(spec: string): string[] {
  return [...reachedFrom(spec)]
    .filter(([file]) => file !== `${FOLDER}/no-servers.spec.ts`)
    .filter(([file]) => PROGRAM.test(readFileSync(join(ROOT, file), 'utf8')))
    .map(([, way]) => way.join(' → '));
}

const specs = readdirSync(join(ROOT, FOLDER), { recursive: true, encoding: 'utf8' })
  .map((name) => join(FOLDER, name.replaceAll('\\', '/')))
  .filter((name) => name.endsWith('.spec.ts'));

describe('the unit tests', () => {
  it.each(specs)('%s starts no server', (spec) => {
    expect(waysToServers(spec)).toEqual([]);
  });

  it('would be found out', () => {
    expect(waysToServers('test/integration/lock-kinds-between-processes.spec.ts')).toContainEqual(
      expect.stringMatching(
        /^test\/integration\/lock-kinds-between-processes\.spec\.ts → .*redis-server\.ts$/,
      ),
    );
  });
});
