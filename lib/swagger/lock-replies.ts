/** The replies that a handler gives for its locks, read from the metadata of its decorators. */
import type { KeyTemplate, Placeholder } from '../core/keys/key-template.js';
import { type ErrorReply, replyTo } from '../error-mapping/error-reply.js';
import type { LockError, LockErrorCode } from '../errors/index.js';
import { declaredAnswers } from '../locked/decoration/declared-answers.js';
import { ParameterKind, parameterBindings } from '../locked/key/parameter-bindings.js';
import { apiLockedOn } from './api-locked.decorator.js';

/** One reply, and the codes that have it. */
export interface DocumentedReply extends ErrorReply {
  readonly codes: readonly LockErrorCode[];
}

export type Controller = abstract new (...args: never[]) => object;

/** The codes that become 503. The first one is the example. */
const UNAVAILABLE = [
  'LOCK_STORE',
  'LOCK_QUEUE_FULL',
  'LOCK_ABORTED',
  'LOCK_DEADLOCK',
  'LOCK_SHUTDOWN',
] as const;

/** The codes that have replies in the document. */
export const CODES: readonly LockErrorCode[] = ['LOCK_BUSY', 'LOCK_KEY', ...UNAVAILABLE];

/**
 * Empty if the handler has no lock. The decorators of the handler come before a mark on its controller.
 * @param moduleStatus the module's `http.busyStatus`
 */
export function repliesOf(
  controller: Controller,
  method: string,
  handler: object,
  moduleStatus: number,
): DocumentedReply[] {
  const declared = declaredAnswers(controller.prototype as object, method);
  const ownMark = apiLockedOn(handler);
  const mark = ownMark ?? (declared.length === 0 ? apiLockedOn(controller) : undefined);
  if (declared.length === 0 && mark === undefined) return [];
  const busy = declared.filter(({ refusesBusy }) => refusesBusy).map(({ busyStatus }) => busyStatus);
  if (mark !== undefined) busy.push(mark.busyStatus);
  const statuses = new Set(busy.map((status) => status ?? moduleStatus));
  const placeholders = new Set(
    declared.flatMap(({ templates }) =>
      templates.flatMap((template) => sentBy(template, controller, method)),
    ),
  );
  return [
    ...[...placeholders].map((placeholder) => reply(['LOCK_KEY'], 0, { fault: 'client', placeholder })),
    ...[...statuses].map((status) => reply(['LOCK_BUSY'], status)),
    reply(UNAVAILABLE, 0),
  ];
}

function reply(codes: readonly LockErrorCode[], busyStatus: number, facts: object = {}): DocumentedReply {
  return { ...replyTo({ code: codes[0], ...facts } as unknown as LockError, busyStatus), codes };
}

/** The placeholders of a template that the client sends. A guard sets the user. */
function sentBy({ parts }: KeyTemplate, controller: Controller, method: string): string[] {
  return parts.flatMap((part) => {
    if (typeof part === 'string' || part.root === 'user') return [];
    return typeof part.root === 'string' ? [part.source] : boundPlaceholder(part, controller, method);
  });
}

const ROOTS = new Map<number, string>([
  [ParameterKind.PARAM, 'params'],
  [ParameterKind.QUERY, 'query'],
  [ParameterKind.BODY, 'body'],
  [ParameterKind.HEADERS, 'headers'],
]);

/** An argument counts as the part of the request that it is bound to. */
function boundPlaceholder({ root, path }: Placeholder, controller: Controller, method: string): string[] {
  const binding = parameterBindings(controller, method)?.find(({ index }) => index === root);
  const part = binding && ROOTS.get(binding.kind);
  if (binding === undefined || part === undefined) return [];
  const names = binding.property === undefined ? path : [binding.property, ...path];
  return [`{${[part, ...names].join('.')}}`];
}
