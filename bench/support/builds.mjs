// Another build of nestjs-locked, to be measured beside this one.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const ENTRY = 'esm/index.js';

/**
 * Copies a build, so that a rebuild during the run does no harm. Both copies find their packages in this repository: Nest
 * would take the tokens of two copies of itself for different ones.
 * @param path a built checkout, its dist folder, or a packed .tgz
 * @param option what the message calls it
 * @returns `{ entry, version, digest, remove() }`
 */
export function copyBuild(path, option) {
  const source = resolve(path);
  if (!existsSync(source)) throw new Error(`${option}: there is no ${source}.`);
  const folder = mkdtempSync(join(tmpdir(), 'lock-bench-build-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const { dist, manifest } = source.endsWith('.tgz')
      ? unpack(source, folder, option)
      : find(source, option);
    const copy = join(folder, 'dist');
    cpSync(dist, copy, { recursive: true });
    if (existsSync(manifest)) cpSync(manifest, join(folder, 'package.json'));
    symlinkSync(MODULES, join(folder, 'node_modules'));
    const version = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : 'unknown';
    return { entry: pathToFileURL(join(copy, ENTRY)).href, version, digest: digestOf(copy), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function find(source, option) {
  const dist = [join(source, 'dist'), source].find((each) => existsSync(join(each, ENTRY)));
  if (dist === undefined) {
    throw new Error(
      `${option}: ${source} is no build. It has neither dist/${ENTRY} (a built checkout) nor ${ENTRY} (a dist folder).`,
    );
  }
  return { dist, manifest: join(dirname(dist), 'package.json') };
}

function unpack(source, folder, option) {
  try {
    execFileSync('tar', ['-xzf', source, '-C', folder], { stdio: 'pipe' });
  } catch (error) {
    throw new Error(
      `${option}: ${source} cannot be unpacked: ${String(error.stderr ?? error.message).trim()}`,
      {
        cause: error,
      },
    );
  }
  return find(join(folder, 'package'), option);
}

/** Of the ES module's files: two builds of the same digest are the same. */
function digestOf(dist) {
  const hash = createHash('sha256');
  const folder = join(dist, 'esm');
  for (const name of readdirSync(folder)
    .filter((each) => each.endsWith('.js'))
    .sort()) {
    hash.update(name).update(readFileSync(join(folder, name)));
  }
  return hash.digest('hex').slice(0, 12);
}
