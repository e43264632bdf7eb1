/** Which script an exchange is sent with, and its arguments. */
import type { ExchangeRequest } from '../../../core/contracts/store.contract.js';
import { ACQUIRE, EXCHANGE, type ExchangeCall, HANDOFF, RELEASE } from '../scripts/scripts.js';
import { valueOf } from '../naming/foreign-value.js';
import { digitsOf } from './server-clock.js';
import { isExclusive, type SharedKeys } from './shared-keys.js';

/** What a session knows about its keys. */
export interface CallContext {
  readonly sharedKeys: SharedKeys;
  /** The name of a key's set of holders. */
  holdersOf(key: string): string;
}

/** @param notAfter the server's time in µs after which nothing must happen. */
export function exchangeCall(request: ExchangeRequest, notAfter: number, context: CallContext): ExchangeCall {
  const { key, release, acquire } = request;
  const released = release?.token ?? '';
  const keptFor = release?.releaseAfter ?? 0;
  const releaseAfter = keptFor > 0 ? String(Math.ceil(keptFor)) : '';
  if (acquire === undefined) {
    const holders = context.holdersOf(key);
    // RELEASE alone takes an empty value for a token.
    if (release?.forced === true && released !== '') {
      const args = [valueOf(release.token), '', '', digitsOf(notAfter), '', '1'];
      return { script: EXCHANGE, holders, args };
    }
    if (releaseAfter === '') return { script: RELEASE, holders, args: [released] };
    return { script: EXCHANGE, holders, args: [released, '', '', '', '', '', '', releaseAfter] };
  }
  const { token, mode, fences, queueScore } = acquire;
  const exclusive = isExclusive(token);
  if (!exclusive) context.sharedKeys.add(key);
  const ttl = String(Math.ceil(acquire.ttl));
  const until = digitsOf(notAfter);
  if (exclusive && mode !== 'check' && queueScore === undefined && releaseAfter === '') {
    if (release === undefined && fences === 1) {
      const holders = context.sharedKeys.has(key) ? context.holdersOf(key) : undefined;
      return { script: ACQUIRE, holders, args: [token, ttl, until, mode] };
    }
    if (release !== undefined && mode === 'queue') {
      const args = [released, token, ttl, until, String(fences)];
      return { script: HANDOFF, holders: context.holdersOf(key), args };
    }
  }
  const args = [released, token, ttl, until, mode, String(fences)];
  if (queueScore !== undefined || releaseAfter !== '') args.push(String(queueScore ?? ''));
  if (releaseAfter !== '') args.push(releaseAfter);
  return { script: EXCHANGE, holders: context.holdersOf(key), args };
}
