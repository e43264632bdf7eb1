/** Translates the replies of the exchange scripts into the terms of the store contract. */
import type { LockKind } from '../../../core/contracts/token.js';
import type { ExchangeReply, ExchangeRequest } from '../../../core/contracts/store.contract.js';

export interface ExchangeOutcome {
  readonly reply: ExchangeReply;
  /** Nothing was done: the command must declare the set of holders. */
  readonly again: boolean;
  /** The server's clock in µs, if the request came too late by that clock. Nothing was done then. */
  readonly serverTime: number | undefined;
  /** The server's error, if the server refused a PUBLISH. */
  readonly refusedPublish: string | undefined;
}

export function parseExchange(raw: unknown, { acquire: request, release }: ExchangeRequest): ExchangeOutcome {
  // The most frequent replies are a single number: whether the token was released, or the fence.
  if (!Array.isArray(raw)) {
    const number = Number(raw);
    if (request === undefined) return outcome({ released: number === 1 }, undefined);
    return outcome({ released: false, acquire: { state: 'granted', fence: number, drawn: 1 } }, undefined);
  }
  const parts: readonly unknown[] = raw;
  const released = release !== undefined && Number(parts[0]) === 1;
  const code = Number(parts[1]);
  if (code === -4) return { ...outcome({ released }, undefined), again: true };
  if (code === -2) return { ...outcome({ released }, undefined), serverTime: Number(parts[2]) };
  if (request === undefined) return outcome({ released }, parts[1]);
  if (code > 0) {
    return outcome(
      { released, acquire: { state: 'granted', fence: code, drawn: Number(parts[2]) } },
      parts[3],
    );
  }
  if (code === -1) return outcome({ released, acquire: { state: 'not-queued' } }, parts[2]);
  if (code === -3)
    return outcome({ released, acquire: { state: 'kind-conflict', kind: parts[2] as LockKind } }, parts[3]);
  const left = Number(parts[3]);
  const holder = { holder: String(parts[2]), remaining: left < 0 ? Infinity : left };
  if (request.mode === 'once') return outcome({ released, acquire: { state: 'busy', ...holder } }, parts[4]);
  const [queueScore, length, rank, fence] = parts.slice(4, 8).map(Number) as [number, number, number, number];
  return outcome(
    { released, acquire: { state: 'queued', ...holder, queueScore, length, first: rank === 0, fence } },
    parts[8],
  );
}

function outcome(reply: ExchangeReply, refused: unknown): ExchangeOutcome {
  return {
    reply,
    again: false,
    serverTime: undefined,
    refusedPublish: typeof refused === 'string' ? refused : undefined,
  };
}

/** The message of a hand-off. */
export interface Offer {
  readonly fence: number;
  readonly token: string;
  /** The lock's full name. */
  readonly lock: string;
}

/**
 * Reads a message of the session's channel: the fence, the token (which has no space) and the lock's full name. Any client
 * with the right to publish may have sent the message, so a message of another shape is no offer.
 * @param tokens the prefix of each token of the session.
 */
export function parseOffer(message: string, tokens: string): Offer | undefined {
  const match = /^([1-9]\d{0,15}) (\S+) (.*)$/s.exec(message);
  if (match === null) return undefined;
  const [, digits = '', token = '', lock = ''] = match;
  const fence = Number(digits);
  if (!Number.isSafeInteger(fence) || !token.startsWith(tokens)) return undefined;
  return { fence, token, lock };
}
