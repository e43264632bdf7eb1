/** Checks the arguments of the methods that inspect locks. */
import { LockKeyError, quoted } from '../../errors/index.js';
import { normaliseKeys } from '../keys/normalise-keys.js';
import { badOption, checkBoolean, checkDuration, checkNames, checkObject } from '../options/option-checks.js';
import type { InspectionMode } from './listening.js';
import type { ForceReleaseOptions, InspectOptions, ListOptions } from '../inspection/lock-info.js';

/** For how long the answers of processes are waited for, in ms. A process that computes answers later. */
const PATIENCE = 250;

const INSPECT = new Set<keyof InspectOptions>(['patience']);
const LIST = new Set<keyof ListOptions>(['patience', 'signal', 'details']);
const FORCE = new Set<keyof ForceReleaseOptions>(['by', 'holder', 'reason']);

/** @throws LockKeyError unless it is one key */
export function oneKey(key: string): string {
  if (Array.isArray(key)) {
    throw new LockKeyError(
      String(key),
      'Only one key at a time can be inspected or released. Call once for each key.',
    );
  }
  return normaliseKeys(key)[0] ?? key;
}

/** @returns ms */
export function patienceOf(options: InspectOptions | undefined): number {
  if (options === undefined) return PATIENCE;
  checkObject('options', options);
  checkNames('', options, INSPECT);
  return readPatience(options);
}

export function listOptionsOf(pattern: string, options: ListOptions | undefined) {
  if (typeof pattern !== 'string' || pattern === '') {
    throw badOption('pattern', pattern, "a glob of keys, such as 'order:*'");
  }
  if (options === undefined) return { patience: PATIENCE, details: false, signal: undefined };
  checkObject('options', options);
  checkNames('', options, LIST);
  const { details = false, signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw badOption('signal', signal, 'an AbortSignal');
  }
  return { patience: readPatience(options), details: checkBoolean('details', details), signal };
}

export function checkForceRelease(key: string, options: ForceReleaseOptions): void {
  checkObject('options', options);
  checkNames('', options, FORCE);
  const { by, holder, reason } = options as { by?: unknown; holder?: unknown; reason?: unknown };
  if (typeof by !== 'string' || by.trim() === '') {
    throw badOption('by', by, 'the name of the person or the tool that releases the lock');
  }
  if (typeof holder !== 'string' || holder === '') {
    throw badOption(
      'holder',
      holder,
      `the "id" of a holder that inspect(${quoted(key)}) has shown, or 'any' for each present holder`,
    );
  }
  if (reason !== undefined && typeof reason !== 'string') throw badOption('reason', reason, 'a string');
}

export function checkInspectionMode(value: unknown): InspectionMode {
  if (value === 'auto' || value === 'always' || value === 'off') return value;
  throw badOption('inspection', value, "'auto', 'always' or 'off'");
}

function readPatience({ patience }: { readonly patience?: unknown }): number {
  return patience === undefined ? PATIENCE : checkDuration('patience', patience, 1);
}
