// Finds the programs that check the model: spin, and a C compiler for the code that spin generates. If one is missing,
// installs it with apt-get or Homebrew, or says how to install it. apt-get needs root, or under CI a sudo without a
// password. This file needs no installed package.
import { spawnSync } from 'node:child_process';

const works = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
const missing = () =>
  [
    ['spin', '-V'],
    ['gcc', '--version'],
  ]
    .filter((words) => !works(...words))
    .map(([command]) => command);

/** Runs a command, and shows its output only if it fails. */
function run(...words) {
  const [command, ...args] = words;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env });
  if (status !== 0) console.error(`${words.join(' ')}:\n${stdout ?? ''}${stderr ?? ''}`);
}

function installWithApt() {
  if (!works('apt-get', '--version')) return;
  let prefix = [];
  if (process.getuid?.() !== 0) {
    if (!process.env.CI || !works('sudo', '-n', 'true')) return;
    prefix = ['sudo', '-n'];
  }
  console.log('No spin or no gcc on PATH: installing them with apt-get ...');
  const options = ['-q', '-o', 'Acquire::Retries=3', '-o', 'DPkg::Lock::Timeout=120'];
  run(...prefix, 'apt-get', 'update', ...options);
  run(
    ...prefix,
    'apt-get',
    'install',
    '-y',
    ...options,
    '--no-install-recommends',
    'spin',
    'gcc',
    'libc6-dev',
  );
}

if (missing().length > 0) {
  installWithApt();
  if (missing().includes('spin') && works('brew', '--version')) {
    console.log('No spin on PATH: installing it with Homebrew ...');
    run('brew', 'install', 'spin');
  }
  if (missing().length > 0) {
    console.error(
      `Checking the model needs ${missing().join(' and ')} on PATH: install with your package manager ` +
        '("apt-get install spin gcc" as root, "brew install spin").',
    );
    process.exit(1);
  }
}
