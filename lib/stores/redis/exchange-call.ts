/** Which script an exchange is sent with, and its arguments. */
import type { TurnRequest } from '../../core/store.contract.js';
import { ACQUIRE, EXCHANGE, type ExchangeCall, HANDOFF, RELEASE } from './scripts/scripts.js';
import { digitsOf } from './server-clock.js';
import { isExclusive, type SharedKeys } from './shared-keys.js';

/** What a session knows about its keys. */
export interface CallContext {
  readonly sharedKeys: SharedKeys;
  /** The name of a key's set of holders. */
  holdersOf(key: string): string;
}

/** @param notAfter the server's time in µs after which nothing must happen. */
export function exchangeCall(request: TurnRequest, notAfter: number, context: CallContext): ExchangeCall {
  const { key, giveUp, ask } = request;
  const released = giveUp?.token ?? '';
  const keepFor = giveUp?.keepFor ?? 0;
  const releaseAfter = keepFor > 0 ? String(Math.ceil(keepFor)) : '';
  if (ask === undefined) {
    const holders = context.holdersOf(key);
    if (releaseAfter === '') return { script: RELEASE, holders, args: [released] };
    return { script: EXCHANGE, holders, args: [released, '', '', '', '', '', '', releaseAfter] };
  }
  const { token, mode, sections: fences, place } = ask;
  const exclusive = isExclusive(token);
  if (!exclusive) context.sharedKeys.add(key);
  const ttl = String(Math.ceil(ask.ttl));
  const until = digitsOf(notAfter);
  if (exclusive && mode !== 'look' && place === undefined && releaseAfter === '') {
    if (giveUp === undefined && fences === 1) {
      const holders = context.sharedKeys.has(key) ? context.holdersOf(key) : undefined;
      return { script: ACQUIRE, holders, args: [token, ttl, until, mode] };
    }
    if (giveUp !== undefined && mode === 'queue') {
      const args = [released, token, ttl, until, String(fences)];
      return { script: HANDOFF, holders: context.holdersOf(key), args };
    }
  }
  const args = [released, token, ttl, until, mode === 'look' ? 'check' : mode, String(fences)];
  if (place !== undefined || releaseAfter !== '') args.push(String(place ?? ''));
  if (releaseAfter !== '') args.push(releaseAfter);
  return { script: EXCHANGE, holders: context.holdersOf(key), args };
}
