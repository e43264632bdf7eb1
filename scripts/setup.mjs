// Installs the dependencies when what is installed is not what package-lock.json says, so that `npm start` and
// `npm test` work on a fresh clone. Depends on nothing.
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
  // Optional ones are for other platforms.
  return packages('package-lock.json').every(([path, { version, optional }]) => {
    const found = present.get(path);
    return found === undefined ? optional === true : found.version === version;
  });
}

if (!installed()) {
  console.log('Installing the dependencies (npm ci) ...');
  // npm says where it is; on Windows it could not be started by name.
  const npm = process.env.npm_execpath;
  const [command, args] = npm ? [process.execPath, [npm]] : ['npm', []];
  const { status, error } = spawnSync(command, [...args, 'ci', '--no-audit', '--no-fund'], {
    cwd: fileURLToPath(root),
    stdio: 'inherit',
  });
  if (error) console.error(`npm could not be started: ${error.message}`);
  process.exit(status ?? 1);
}
