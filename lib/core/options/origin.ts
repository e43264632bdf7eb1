/** What a decorated method passes with its options, so that events, spans and errors can name the method. */
import type { LockEvent } from '../events/events.js';
import type { LockOrigin, ResolvedAcquire } from './acquire.options.js';

/**
 * The property of the options that has the origin. A symbol is no name of an option, so the check of names ignores the
 * property. Copies of the package in one process share the symbol.
 */
export const ORIGIN = Symbol.for('nestjs-locked.origin');

/** Options that may come from a decorated method. */
export interface OptionsWithOrigin {
  readonly [ORIGIN]?: LockOrigin;
}

/** What events tell about the caller. */
export type CallerFacts = Pick<LockEvent, 'kind' | 'template' | 'label' | 'module'>;

export function callerFacts({ access, origin, module }: ResolvedAcquire): CallerFacts {
  return { kind: access.kind, template: origin?.template, label: origin?.label, module };
}
