// Installs the dependencies if the installed packages differ from package-lock.json, so that `npm start` and `npm test`
// work on a fresh clone. This file needs no installed package.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('..', import.meta.url);

/** The packages of a lock file, by their path, without the project itself. */
function packages(file) {
  const { '': _project, ...rest } = JSON.parse(readFileSync(new URL(file, root), 'utf8')).packages;
  return Object.entries(rest);
}

function installed() {
  let present;
  try {
    present = new Map(packages('node_modules/.package-lock.json'));
  } catch {
    return false;
  }
  // An optional package may be for another platform.
  return packages('package-lock.json').every(([path, { version, optional }]) => {
    const found = present.get(path);
    return found === undefined ? optional === true : found.version === version;
  });
}

if (!installed()) {
  console.log('Installing the dependencies (npm ci) ...');
  // npm_execpath is the path of npm. On Windows npm cannot be started by its name.
  const npm = process.env.npm_execpath;
  const [command, args] = npm ? [process.execPath, [npm]] : ['npm', []];
  const { status, error } = spawnSync(command, [...args, 'ci', '--no-audit', '--no-fund'], {
    cwd: fileURLToPath(root),
    stdio: 'inherit',
  });
  if (error) console.error(`npm could not be started: ${error.message}`);
  process.exit(status ?? 1);
}
