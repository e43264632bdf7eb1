/** Checks the facts of another process. Any client that may publish can send a message. */

type Check = (value: unknown) => boolean;

/** The largest distance of a date from 1970, in ms. Fences are smaller too. */
const LARGEST = 8.64e15;

/** How many items a list may have. A process sends far fewer, and a later version may send more. */
const MOST = 1_000;

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number' && Math.abs(value) <= LARGEST;
const isCount: Check = (value) => isNumber(value) && (value as number) >= 0;
const isKind: Check = (value) => value === 'exclusive' || value === 'shared' || value === 'semaphore';
const isFlag: Check = (value) => typeof value === 'boolean';

function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

/** @param most a longer list is no fact. A list of texts needs no limit, as the message itself has one. */
function listOf(check: Check, most = Infinity): Check {
  return (value) => Array.isArray(value) && value.length <= most && value.every(check);
}

/** An object with these fields. A later version of this package may add others. */
function shapeOf(fields: Readonly<Record<string, Check>>): Check {
  const checks = Object.entries(fields);
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    checks.every(([name, check]) => check((value as Record<string, unknown>)[name]));
}

const ORIGIN = {
  label: optional(isText),
  template: optional(isText),
  site: optional(isText),
  trace: optional(isText),
};

const isHold = shapeOf({
  ...ORIGIN,
  key: isText,
  holder: isText,
  kind: isKind,
  remaining: isNumber,
  held: isNumber,
  waited: isNumber,
  fence: isNumber,
  ttl: isNumber,
  renew: isFlag,
  maxHold: optional(isNumber),
  limit: optional(isNumber),
});

const isCaller = shapeOf({ ...ORIGIN, waited: isNumber, holds: listOf(isText) });

const isWait = shapeOf({
  key: isText,
  kind: isKind,
  limit: optional(isNumber),
  callers: listOf(isCaller, MOST),
  more: isNumber,
});

const TROUBLES: readonly unknown[] = ['lost', 'long-hold', 'busy', 'store-error'];

const isTrouble = shapeOf({
  what: (value) => TROUBLES.includes(value),
  key: optional(isText),
  label: optional(isText),
  reason: optional(isText),
  age: isNumber,
});

const isBlocked = shapeOf({
  holds: listOf(isText),
  wants: isText,
  label: optional(isText),
  number: optional(isNumber),
  shared: optional(listOf(isText)),
  reads: optional(isFlag),
});

const areFacts = shapeOf({
  owner: isText,
  held: isNumber,
  waiting: isNumber,
  holds: listOf(isHold, MOST),
  waits: listOf(isWait, MOST),
  blocked: listOf(isBlocked, MOST),
  troubles: listOf(isTrouble, MOST),
  moreKeys: optional(isCount),
  moreBlocked: optional(isCount),
});

/** Whether the value is a `ProcessFacts`. */
export function isProcessFacts(value: unknown): boolean {
  return areFacts(value);
}
