/** The messages between the processes that inspect locks. Durations travel and times do not: clocks of hosts differ. */
import type { LockKind } from '../contracts/token.js';
import { isProcessFacts } from './check-facts.js';
import type { LockTrouble, LockWaiter } from './lock-info.js';

export interface Question {
  readonly kind: 'question';
  readonly id: string;
  /** The session that the answers go to. */
  readonly from: string;
  /** The key that the question is about. Without one, the answer is a digest of all keys. */
  readonly key?: string;
}

export interface Answer {
  readonly kind: 'answer';
  readonly id: string;
  readonly from: string;
  readonly facts: ProcessFacts;
}

/** A holder was released by force. Its process checks its lease. */
export interface Revocation {
  readonly kind: 'revocation';
  readonly key: string;
  /** The id of the holder. */
  readonly holder: string;
  readonly by: string;
  readonly reason?: string;
}

export type Message = Question | Answer | Revocation;

export interface HoldFacts {
  readonly key: string;
  /** The id of the holder: a hash of its token. */
  readonly holder: string;
  readonly kind: LockKind;
  readonly remaining: number;
  readonly held: number;
  readonly waited: number;
  readonly fence: number;
  readonly ttl: number;
  readonly renew: boolean;
  readonly maxHold?: number;
  readonly limit?: number;
  readonly label?: string;
  readonly template?: string;
  readonly site?: string;
  readonly trace?: string;
}

/** The callers of a process that wait for a key. */
export interface WaitFacts {
  readonly key: string;
  readonly kind: LockKind;
  readonly limit?: number;
  readonly callers: readonly LockWaiter[];
  readonly more: number;
}

/** A caller that waits while it holds keys. */
export interface BlockedFacts {
  readonly holds: readonly string[];
  readonly wants: string;
  readonly label?: string;
  /** The same wait has the same number in each answer of its process, and no other wait has it. */
  readonly number?: number;
  /** Those of the held keys that other readers may hold too. */
  readonly shared?: readonly string[];
  /** The caller wants to read, and no writer of its own process waits before it. */
  readonly reads?: boolean;
}

/** A trouble, with its age in place of its time. */
export type TroubleFacts = Omit<LockTrouble, 'at' | 'owner'> & { readonly age: number };

export interface ProcessFacts {
  readonly owner: string;
  /** How many locks the process holds, and how many of its callers wait. */
  readonly held: number;
  readonly waiting: number;
  readonly holds: readonly HoldFacts[];
  readonly waits: readonly WaitFacts[];
  readonly blocked: readonly BlockedFacts[];
  readonly troubles: readonly TroubleFacts[];
  /** How many keys with waiting callers were left out. */
  readonly moreKeys?: number;
  /** How many callers that wait while they hold keys were left out. */
  readonly moreBlocked?: number;
}

/** The version of the messages. A process ignores messages of another version. */
const VERSION = 1;

/**
 * How many characters a message may have. To parse a longer one would block the event loop. An answer is that long if keys
 * have thousands of characters.
 */
const LONGEST = 4 * 1024 * 1024;
const LONGEST_NAME = 200;

/** An answer that is too long is sent with its counts alone. */
export function encodeMessage(message: Message): string {
  const text = JSON.stringify({ v: VERSION, ...message });
  if (text.length <= LONGEST || message.kind !== 'answer') return text;
  const { waits, blocked, moreKeys = 0, moreBlocked = 0 } = message.facts;
  const left = { moreKeys: moreKeys + waits.length, moreBlocked: moreBlocked + blocked.length };
  const facts = { ...message.facts, holds: [], waits: [], blocked: [], troubles: [], ...left };
  return JSON.stringify({ v: VERSION, ...message, facts });
}

/** @returns undefined for text that is no message of this version. */
export function decodeMessage(text: string): Message | undefined {
  if (text.length > LONGEST) return undefined;
  try {
    const message = JSON.parse(text) as (Message & { v?: unknown }) | null;
    if (message?.v !== VERSION) return undefined;
    return isMessage(message) ? message : undefined;
  } catch {
    return undefined; // another client has sent it
  }
}

function isMessage(message: Message): boolean {
  switch (message.kind) {
    case 'question':
      return isName(message.id) && isName(message.from) && typeof (message.key ?? '') === 'string';
    case 'answer':
      return isName(message.id) && isName(message.from) && isProcessFacts(message.facts);
    case 'revocation':
      return [message.key, message.holder, message.by, message.reason ?? ''].every(
        (text) => typeof text === 'string',
      );
    default:
      return false;
  }
}

/** The id of a question or a session has some 16 characters. A longer text must not be sent back by each process. */
function isName(value: unknown): boolean {
  return typeof value === 'string' && value.length <= LONGEST_NAME;
}
