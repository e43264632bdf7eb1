// Finds a server for the tests: the one that LOCK_TEST_SERVER names, or redis-server or valkey-server on PATH. If there
// is none, installs one with apt-get or Homebrew, or says how to install one. apt-get needs root, or under CI a sudo
// without a password. This file needs no installed package.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const SERVERS = ['redis-server', 'valkey-server'];

function executable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const onPath = (name) =>
  (process.env.PATH ?? '').split(delimiter).some((dir) => dir !== '' && executable(join(dir, name)));

const found = () => SERVERS.some(onPath);

/** Runs a command, and shows its output only if it fails. */
function run(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status === 0) return true;
  console.error(`${command} ${args.join(' ')}:\n${stdout ?? ''}${stderr ?? ''}`);
  return false;
}

/** Prints what will be installed, before any change, so that a developer can stop the script and name a server. */
function announce(installer, what) {
  console.log(
    `The tests need a server: there is neither ${SERVERS.join(' nor ')} on PATH, and LOCK_TEST_SERVER is not set. ` +
      `Installing ${what} with ${installer} ...`,
  );
}

/** The words before a command to run it as root. Undefined if sudo needs a password, or outside of CI. */
function asRoot() {
  if (process.getuid?.() === 0) return [];
  if (!process.env.CI || !onPath('sudo')) return undefined;
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined;
}

function installWithApt() {
  const prefix = onPath('apt-get') ? asRoot() : undefined;
  if (prefix === undefined) return;
  announce('apt-get', `the package ${SERVERS.join(', or else ')}`);
  const root = (...words) => {
    const [command, ...args] = [...prefix, ...words];
    return run(command, args);
  };
  // The package starts a server after the installation. This file forbids that.
  const policy = '/usr/sbin/policy-rc.d';
  const forbid = prefix.length === 0 && !existsSync(policy);
  const options = ['-y', '-q', '-o', 'Acquire::Retries=3', '-o', 'DPkg::Lock::Timeout=120'];
  try {
    if (forbid) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    root('apt-get', 'update', ...options.slice(1));
    for (const server of SERVERS) {
      if (!root('apt-get', 'install', ...options, '--no-install-recommends', server)) continue;
      // Ends a server that runs already, and keeps it from starting with the machine.
      if (existsSync('/run/systemd/system')) root('systemctl', 'disable', '--now', server);
      return;
    }
  } finally {
    if (forbid) rmSync(policy, { force: true });
  }
}

function installWithHomebrew() {
  if (!onPath('brew')) return;
  announce('Homebrew', 'the formula redis');
  run('brew', ['install', 'redis']);
}

/**
 * The tests pause and kill their servers as processes, so a server in a container does not fit. A container can run all
 * tests, however.
 */
function inDocker() {
  if (!onPath('docker') || spawnSync('docker', ['info'], { stdio: 'ignore' }).status !== 0) return '';
  const copy = 'mkdir /work && tar -C /src --exclude ./node_modules -c . | tar -C /work -x && cd /work';
  return `, or run the tests in Docker: docker run --rm -v "$PWD:/src:ro" node:22 sh -c '${copy} && npm test'`;
}

const given = process.env.LOCK_TEST_SERVER;
if (given) {
  if (!executable(given)) {
    console.error(
      `LOCK_TEST_SERVER names "${given}", which is not a program. Set it to the path of a redis-server.`,
    );
    process.exit(1);
  }
} else if (!found()) {
  installWithApt();
  if (!found()) installWithHomebrew();
  if (!found()) {
    console.error(
      'The tests need a redis-server or valkey-server: install one with your package manager ' +
        `("apt-get install redis-server" as root, "brew install redis"), or set LOCK_TEST_SERVER to its path${inDocker()}.`,
    );
    process.exit(1);
  }
}
