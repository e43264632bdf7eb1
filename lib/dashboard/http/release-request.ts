/** Reads the body of a release. */
import type { DashboardRequest } from './messages.js';
import { printable } from '../../errors/index.js';

export interface ReleaseRequestBody {
  /** Empty for the unnamed module. */
  readonly service: string;
  readonly key: string;
  /** The id of the holder that the page showed. */
  readonly holder: string;
  readonly reason: string | undefined;
}

const LONGEST_REASON = 200;

/** @returns what is wrong with the body, as a sentence, if it is no release. */
export function readRelease({ body }: DashboardRequest): ReleaseRequestBody | string {
  if (typeof body !== 'object' || body === null) {
    return 'The body was not parsed as JSON. The dashboard needs the body parser of the application.';
  }
  const { key, holder, service = '', reason = '' } = body as Record<string, unknown>;
  if (typeof key !== 'string' || typeof holder !== 'string' || key === '' || holder === '') {
    return 'The body must have the strings "key" and "holder".';
  }
  // The holder that the person saw may have gone meanwhile, and 'any' would hit the next one.
  if (holder === 'any') return 'The dashboard releases one holder by its id, and never any holder.';
  if (typeof service !== 'string' || typeof reason !== 'string') {
    return 'The members "service" and "reason" must be strings.';
  }
  const told = printable(reason.trim(), LONGEST_REASON);
  return { service, key, holder, reason: told === '' ? undefined : told };
}
