// The files that a check reads: all tracked and new files of the repository, or those that the command names.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function gitFiles(folder) {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { status, stdout } = spawnSync('git', args, { cwd: folder, encoding: 'utf8', maxBuffer: 64e6 });
  if (status !== 0) return undefined;
  return [...new Set(stdout.split('\0'))].filter(Boolean).map((name) => join(folder, name));
}

/** Outside of a Git work tree: all files, without installed packages. */
function walk(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ['node_modules', '.git'].includes(entry.name) ? [] : walk(path);
    return entry.isFile() ? [path] : [];
  });
}

function read(path) {
  try {
    const bytes = readFileSync(path);
    // A file with a zero byte is not text.
    return bytes.includes(0) ? undefined : bytes.toString('utf8');
  } catch (error) {
    // The file is deleted, but the deletion is not committed.
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The text files of `paths`, with their path from the repository's root. The paths are files or folders, by default the
 * repository. A path that does not exist is an error.
 */
export function textFiles(paths) {
  const folders = paths.length > 0 ? paths.map((path) => resolve(path)) : [ROOT];
  const files = folders.flatMap((path) =>
    statSync(path).isDirectory() ? (gitFiles(path) ?? walk(path)) : [path],
  );
  return files.sort().flatMap((path) => {
    const text = read(path);
    return text === undefined ? [] : [{ path: relative(ROOT, path).split(sep).join('/'), text }];
  });
}

/** @returns a function that gives the line number of an offset in the text. */
export function lineNumbers(text) {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
