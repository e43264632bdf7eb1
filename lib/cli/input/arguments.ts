/** Reads the arguments of the command line, and checks them before anything connects. */
import { parseArgs } from 'node:util';
import { parseDuration, DURATION_HINT } from '../../core/time/duration.js';
import { redactUrl } from '../../errors/index.js';
import { UsageError } from '../exit-codes.js';

export interface Arguments {
  readonly command: string;
  /** What follows the command: a key, or a pattern. */
  readonly operands: readonly string[];
  readonly url: string;
  readonly prefix: string;
  readonly cluster: boolean;
  readonly json: boolean;
  readonly scan: boolean;
  /** In ms. */
  readonly interval: number;
  /** In ms. */
  readonly patience: number;
  readonly yes: boolean;
  readonly holder?: string;
  readonly by?: string;
  readonly reason?: string;
}

export type Request = 'help' | 'version' | Arguments;

const OPTIONS = {
  url: { type: 'string' },
  prefix: { type: 'string', default: 'lock:' },
  cluster: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  scan: { type: 'boolean', default: false },
  interval: { type: 'string', default: '1s' },
  patience: { type: 'string', default: '250ms' },
  holder: { type: 'string' },
  by: { type: 'string' },
  reason: { type: 'string' },
  yes: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', short: 'v', default: false },
} as const;

/** The commands, with the options that only they have, and the numbers of their operands. */
const COMMANDS: Readonly<
  Record<
    string,
    { readonly only: readonly string[]; readonly operands: readonly number[]; readonly what?: string }
  >
> = {
  ls: { only: ['json', 'scan', 'patience'], operands: [0, 1] },
  watch: { only: ['json', 'interval', 'patience'], operands: [0] },
  inspect: { only: ['json', 'patience'], operands: [1], what: 'a key' },
  release: { only: ['json', 'patience', 'holder', 'by', 'reason', 'yes'], operands: [1], what: 'a key' },
};

const COMMON = ['url', 'prefix', 'cluster', 'help', 'version'];

/** @throws UsageError */
export function readArguments(args: readonly string[], env: NodeJS.ProcessEnv): Request {
  const { values, positionals, tokens } = parsed(args);
  if (values.help || (args.length === 0 && positionals.length === 0)) return 'help';
  if (values.version) return 'version';
  const [command = '', ...operands] = positionals;
  if (!Object.hasOwn(COMMANDS, command)) {
    const names = Object.keys(COMMANDS).join(', ');
    throw new UsageError(
      command === ''
        ? `A command is missing: ${names}.`
        : `There is no command "${redactUrl(command)}": ${names}.`,
    );
  }
  const { only, operands: numbers, what } = COMMANDS[command];
  for (const token of tokens) {
    if (token.kind === 'option' && !COMMON.includes(token.name) && !only.includes(token.name)) {
      throw new UsageError(`"${command}" has no option --${token.name}.`);
    }
  }
  if (!numbers.includes(operands.length)) {
    throw new UsageError(`"${command}" needs ${what ?? 'no operand'}, and got ${operands.length} operands.`);
  }
  if (operands.includes('')) throw new UsageError('A key cannot be empty.');
  if (command === 'ls' && operands.length > 0 && !values.scan) {
    throw new UsageError('A pattern needs --scan, because only a scan finds keys by their names.');
  }
  const { interval, patience, url, help: _help, version: _version, ...rest } = values;
  return {
    ...rest,
    command,
    operands,
    url: url ?? (env.REDIS_URL || 'redis://localhost:6379'),
    interval: milliseconds('interval', interval, 100),
    patience: milliseconds('patience', patience, 1),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, tokens: true });
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\. To specify.*$/s, '.'));
  }
}

function milliseconds(name: string, text: string, least: number): number {
  const found = parseDuration(/^\d+$/.test(text) ? Number(text) : text);
  if (found !== undefined && found >= least) return found;
  throw new UsageError(
    `--${name} is "${redactUrl(text)}"; it must be at least ${least} ms: ${DURATION_HINT}.`,
  );
}
