/**
 * The options of `@Locked`. They are checked at decoration, and split into options for `LockService.using` and options
 * that the decorator itself carries out.
 */
import type { LockOrigin, UsingOptions } from '../core/options/acquire.options.js';
import { badOption, checkNames, checkObject } from '../core/options/option-checks.js';
import { isBusyStatus } from '../error-mapping/busy-status.js';
import { ORIGIN, type OptionsWithOrigin } from '../core/options/origin.js';
import { refuseReentrant, resolvePolicy, resolveUsing, USING } from '../core/options/resolve-options.js';
import { type LockBusyError, LockOptionsError } from '../errors/index.js';
import type { LockedOptions, OnBusy } from './locked.types.js';

export interface ResolvedLockedOptions {
  /** The options that are passed to `LockService.using`. */
  readonly using: UsingOptions;
  readonly onBusy: 'throw' | 'skip' | ((error: LockBusyError, ...args: unknown[]) => unknown);
  readonly service: string | undefined;
  readonly busyStatus: number | undefined;
  readonly holdUntil: 'response' | undefined;
  readonly abortOn: 'disconnect' | undefined;
}

const KNOWN = new Set([...USING, 'onBusy', 'service', 'busyStatus', 'holdUntil', 'abortOn']);
KNOWN.delete('within');

/** @throws LockOptionsError for the first option that is unknown or invalid. */
export function resolveLockedOptions(options: LockedOptions<OnBusy> = {}): ResolvedLockedOptions {
  checkObject('options', options);
  refuseReentrant(options);
  if ('within' in options) throw withinError(options.within);
  checkNames('', options, KNOWN);
  const { onBusy = 'throw', service, busyStatus, holdUntil, abortOn, ...using } = options;
  if (onBusy !== 'throw' && onBusy !== 'skip' && typeof onBusy !== 'function') {
    throw badOption(
      'onBusy',
      onBusy,
      `'throw', 'skip' or a function of the error and the method's arguments`,
    );
  }
  if (service !== undefined && (typeof service !== 'string' || service === '')) {
    throw badOption('service', service, 'the name of a LockModule; leave it out for the unnamed one');
  }
  if (busyStatus !== undefined && !isBusyStatus(busyStatus)) {
    throw badOption('busyStatus', busyStatus, 'an HTTP error status, 400 to 599');
  }
  if (busyStatus !== undefined && onBusy !== 'throw') {
    throw badOption(
      'busyStatus',
      busyStatus,
      `left out where "onBusy" answers a busy lock, without an error`,
    );
  }
  if (holdUntil !== undefined && holdUntil !== 'response') {
    throw badOption('holdUntil', holdUntil, `'response', or left out for the end of the call`);
  }
  if (abortOn !== undefined && abortOn !== 'disconnect') {
    throw badOption('abortOn', abortOn, `'disconnect', or left out to let the method run to its end`);
  }
  resolveUsing(using, resolvePolicy());
  if (onBusy !== 'throw' && using.wait === undefined) using.wait = 0;
  return {
    using: Object.freeze(using),
    // The function is called with the error and the arguments of the method. The compiler has checked its type.
    onBusy: onBusy as ResolvedLockedOptions['onBusy'],
    service,
    busyStatus,
    holdUntil,
    abortOn,
  };
}

/** The options of one decorated method. They name the method to events, spans and errors. */
export function withOrigin(options: ResolvedLockedOptions, origin: LockOrigin): ResolvedLockedOptions {
  const using: UsingOptions & OptionsWithOrigin = { ...options.using, [ORIGIN]: Object.freeze(origin) };
  return { ...options, using: Object.freeze(using) };
}

function withinError(value: unknown): LockOptionsError {
  return new LockOptionsError(
    'within',
    value,
    'The lock option "within" is for acquire(), tryAcquire() and using(). The options of @Locked are set when the class is ' +
      `defined, before any lock is held. Give reentry: 'join', or call using(key, { within: lock }, work) in the method.`,
  );
}
