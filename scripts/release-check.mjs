// Checks a release without publishing it. `npm run release:check` passes at every commit. `npm run release:check --
// --final` also checks the steps that RELEASING.md demands before a release.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const final = process.argv.includes('--final');
const read = (file) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return {
    ok: status === 0,
    stdout: stdout ?? '',
    output: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`,
  };
}

/** The versions in CHANGELOG.md, the newest first, each with the rest of its heading and the text below. */
function changelog() {
  const parts = read('CHANGELOG.md')
    .split(/^## \[/m)
    .slice(1);
  return parts.map((part) => {
    const [, version, rest, body] = /^([^\]]+)\]([^\n]*)\n([\s\S]*)$/.exec(part) ?? [];
    return { version, rest: rest?.trim(), body: body?.trim() };
  });
}

function versionFaults() {
  const { version } = JSON.parse(read('package.json'));
  const lock = JSON.parse(read('package-lock.json'));
  const faults = [];
  for (const [place, other] of [
    ['package-lock.json', lock.version],
    ['the packages of package-lock.json', lock.packages[''].version],
  ]) {
    if (other !== version)
      faults.push(`package.json has the version ${version}, ${place} has ${other}: npm install.`);
  }
  const [unreleased, newest] = changelog();
  if (unreleased?.version !== 'Unreleased') faults.push('CHANGELOG.md must begin with "## [Unreleased]".');
  if (newest?.version !== version) {
    faults.push(
      `package.json has the version ${version}, the newest one of CHANGELOG.md is ${newest?.version}.`,
    );
  }
  if (!final) return faults;
  if (unreleased?.body)
    faults.push(`CHANGELOG.md has changes under [Unreleased]: move them to [${version}].`);
  if (!/^- \d{4}-\d\d-\d\d$/.test(newest?.rest ?? '')) {
    faults.push(`CHANGELOG.md must have the date of the release: "## [${version}] - 2026-01-31".`);
  }
  return faults;
}

/** Changes that are not committed: of tracked files, and new files in the folders of the package. */
function treeFaults() {
  const tracked = run('git', ['status', '--porcelain', '--untracked-files=no']);
  if (!tracked.ok) {
    if (final) return [`Git cannot tell whether the tree is clean: ${tracked.output.trim()}`];
    console.log('Not a Git work tree: whether it is clean was not checked.');
    return [];
  }
  const added = run('git', ['ls-files', '--others', '--exclude-standard', '--', 'lib', 'docs']);
  const files = `${tracked.stdout}${added.stdout}`.split('\n').filter(Boolean);
  return files.length === 0 ? [] : [`The tree is not clean:\n${files.map((file) => `  ${file}`).join('\n')}`];
}

/** Builds and packs as for a release, without a login and without the registry. */
function publishFaults() {
  const npm = process.env.npm_execpath;
  const [command, args] = npm ? [process.execPath, [npm]] : ['npm', []];
  const { ok, output } = run(command, [...args, 'publish', '--dry-run', '--loglevel', 'notice']);
  const details = output.split('\n').filter((text) => /package size|unpacked size|total files/.test(text));
  if (ok) console.log(details.join('\n'));
  return ok ? [] : [`npm publish --dry-run failed:\n${output}`];
}

// The tree is checked first. The build must not hide changes that were there before.
const faults = [...treeFaults(), ...versionFaults(), ...publishFaults()];
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.log('The release can be made.');
