/** The command line as a program: bundled as the package has it, and started as a process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { cleanEnv } from '../../package/steps.js';
import { endWithUs } from '../../support/watchdog.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export const VERSION = '1.2.3-test';

export interface Program {
  readonly file: string;
  remove(): Promise<void>;
}

/** @param entry the file of the program, relative to the repository. */
export async function buildProgram(entry: string): Promise<Program> {
  // The program finds its packages by the folder that it is in.
  const folder = await mkdtemp(join(ROOT, 'node_modules', '.cli-test-'));
  const file = join(folder, 'main.mjs');
  await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    define: { PACKAGE_VERSION: JSON.stringify(VERSION) },
    logLevel: 'silent',
  });
  return { file, remove: () => rm(folder, { recursive: true, force: true }) };
}

export interface Running {
  readonly child: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /** The exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

export function start({ file }: Program, args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [file, ...args], {
    cwd: ROOT,
    env: { ...cleanEnv(), REDIS_URL: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const callOff = endWithUs(child.pid!);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => {
      callOff();
      resolve(code ?? signal);
    });
  });
  return {
    child,
    ended,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
  };
}

/** Runs the program to its end. */
export async function execute(
  program: Program,
  args: readonly string[],
  env?: Record<string, string>,
): Promise<{
  readonly code: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}> {
  const running = start(program, args, env);
  const code = await running.ended;
  return { code, stdout: running.stdout, stderr: running.stderr };
}
