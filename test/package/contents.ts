/** The contents of the package: every required file, no other file, a bounded size, and no broken link. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { linksOf } from '../docs/markdown.js';
import { ENTRIES } from './entries.js';
import { ROOT, run } from './steps.js';

const MODULES = ENTRIES.map((entry) => join(entry, 'index'));

const REQUIRED = [
  'LICENSE',
  'README.md',
  'package.json',
  ...['esm', 'cjs'].flatMap((format) =>
    MODULES.flatMap((entry) => [`dist/${format}/${entry}.js`, `dist/${format}/${entry}.d.ts`]),
  ),
  ...MODULES.flatMap((entry) => [`dist/node/${entry}.js`, `dist/node/${entry}.cjs`]),
  'dist/cjs/package.json',
  'dist/esm/cli/main.js',
];

const ALLOWED =
  /^(dist\/|docs\/([\w-]+\.md|grafana\/[\w-]+\.json|prometheus\/[\w-]+\.yml)$|LICENSE$|README\.md$|package\.json$)/;

/** The greatest size of the unpacked package, in bytes. */
const MOST = 1_000_000;
/** The greatest number of files. Each file costs every installation a little time. */
const MOST_FILES = 200;
/** The greatest number of modules that an entry point loads: its own and the shared ones. Each one slows the start. */
const MOST_MODULES = 6;

/** The files of the package that are loaded with a file, directly or indirectly, and the file itself. */
async function loadedBy(file: string, found = new Set<string>()): Promise<Set<string>> {
  if (found.has(file)) return found;
  found.add(file);
  const text = await readFile(file, 'utf8');
  // `()=>require(…)` loads the file later: the store on Redis.
  for (const [, path] of text.matchAll(/(?<!\(\)=>)(?:from|import|require\()\s*["'](\.[^"']+\.c?js)["']/g)) {
    await loadedBy(join(dirname(file), path), found);
  }
  return found;
}

/** @param into a folder in which the tarball may be unpacked. */
export async function contents(tarball: string, into: string): Promise<void> {
  const folder = await mkdtemp(join(into, 'contents-'));
  await run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1'], { cwd: ROOT });
  const listing = await run('tar', ['-tzf', tarball], { cwd: ROOT });
  const files = listing
    .trim()
    .split('\n')
    .map((file) => file.replace(/^package\//, ''));
  const missing = REQUIRED.filter((file) => !files.includes(file));
  if (missing.length > 0) throw new Error(`Not in the package: ${missing.join(', ')}`);
  const foreign = files.filter((file) => !ALLOWED.test(file));
  if (foreign.length > 0) throw new Error(`In the package, and should not be: ${foreign.join(', ')}`);
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
  const size = sizes.reduce((sum, each) => sum + each, 0);
  if (size > MOST || files.length > MOST_FILES) {
    throw new Error(
      `The package has ${files.length} files of ${size} bytes: at most ${MOST_FILES}, ${MOST}.`,
    );
  }
  for (const format of ['esm', 'cjs']) {
    for (const entry of MODULES) {
      const modules = [...(await loadedBy(join(folder, 'dist', format, `${entry}.js`)))];
      // Node would search the whole file for the names of its exports. For the core, that takes 20 ms.
      for (const file of modules.filter((each) => each.includes('/dist/esm/'))) {
        if (/from"[^"]*\/(core|contract)\.js"/.test(await readFile(file, 'utf8')))
          throw new Error(`An ES module imports a CommonJS file by name: ${file}`);
      }
      if (modules.length > MOST_MODULES)
        throw new Error(`Too many modules slow the start: ${modules.join(', ')}`);
    }
  }
  for (const file of await loadedBy(join(folder, 'dist/esm/cli/main.js'))) {
    if (/["']@nestjs\//.test(await readFile(file, 'utf8')))
      throw new Error(`The command line would load Nest: ${file}`);
  }
  const dead = await Promise.all(
    files
      // The links of the README lead into the repository, where all pages are. The tests of the documentation check them.
      .filter((file) => file.endsWith('.md') && file !== 'README.md')
      .map(async (path) => {
        const text = await readFile(join(folder, path), 'utf8');
        return linksOf({ path, text })
          .filter((link) => !link.startsWith('#'))
          .map((link) => normalize(join(dirname(path), link.split('#')[0])))
          .filter((target) => !files.includes(target))
          .map((target) => `${path} → ${target}`);
      }),
  );
  if (dead.flat().length > 0) throw new Error(`Links to what is not packed: ${dead.flat().join(', ')}`);
  console.log(`        ${files.length} files, ${size} bytes unpacked`);
  await rm(folder, { recursive: true });
}
