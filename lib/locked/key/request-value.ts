/**
 * The value of a placeholder such as `{params.id}`. If an argument is bound to that part of the request, it is the
 * argument, after pipes. Otherwise it is the raw value of the request.
 */
import type { ExecutionContext } from '@nestjs/common';
import { follow, type Placeholder, type RequestRoot } from '../../core/keys/key-template.js';
import { LockKeyError, printable, quoted } from '../../errors/index.js';
import type { LockedCall } from '../locked-call.js';
import { type ParameterBinding, parameterBindings } from './parameter-bindings.js';
import { foldCase, rootsOf, type Source, sourceOf } from './request-sources.js';

/** How a placeholder is read in the calls of one method over one transport. */
interface Reading {
  readonly host: unknown;
  readonly method: string | symbol;
  readonly transport: string;
  /** The arguments that are bound to the part. If there are none, the raw value is read. */
  readonly indexes: readonly number[];
  /** Where the value lies in the argument, or in the raw part. */
  readonly path: readonly string[];
  readonly source: Source;
}

/** Reads one placeholder. */
export type RequestReader = (call: LockedCall) => unknown;

/**
 * A function that throws a LockKeyError if Nest did not call the method as a handler, or if its transport has no such
 * part. Also if several arguments are bound to the part and have different values.
 */
export function requestReader(root: RequestRoot, placeholder: Placeholder, template: string): RequestReader {
  // One suffices: a method is nearly always called through one class and one transport.
  let latest: Reading | undefined;
  return (call) => {
    if (call.scope === undefined)
      throw unreadable(template, call, notAHandler(printable(placeholder.source, 120)));
    const { context } = call.scope;
    const host = context.getClass();
    const transport = context.getType<string>();
    if (latest?.host !== host || latest.transport !== transport || latest.method !== call.method) {
      latest = readingOf(call, context, root, placeholder, template);
    }
    const { indexes, path } = latest;
    const [index] = indexes;
    if (index === undefined) return follow(latest.source.raw(context), path);
    const value = follow(call.args[index], path);
    for (const other of indexes) {
      // Two arguments can have different values of one part, for example 1 and '01'. A client can write one of these
      // values in several ways. Calls that must exclude each other would then have different keys.
      if (other !== index && !sameValue(value, follow(call.args[other], path))) {
        throw unreadable(
          template,
          call,
          `${printable(placeholder.source, 120)} is bound by the arguments ${indexes.join(' and ')}, with ` +
            `different values. Name one of them, such as {${index}}.`,
        );
      }
    }
    return value;
  };
}

/** @throws LockKeyError if the transport has no such part. */
function readingOf(
  call: LockedCall,
  context: ExecutionContext,
  root: RequestRoot,
  placeholder: Placeholder,
  template: string,
): Reading {
  const transport = context.getType<string>();
  const source = sourceOf(transport, root);
  if (source === undefined) {
    throw unreadable(
      template,
      call,
      `there is no ${printable(placeholder.source, 120)} in a context of type "${transport}" (what can be read: ` +
        `${rootsOf(transport).join(', ') || 'none'}).`,
    );
  }
  const path = pathIn(source, placeholder.path);
  const bindings = bindingsOf(call, context, source);
  const ofProperty = bindings.filter(
    ({ property }) => property !== undefined && foldCase(source, property) === path[0],
  );
  const ofWhole = bindings.filter(({ property }) => property === undefined);
  const chosen = ofProperty.length > 0 ? ofProperty : ofWhole;
  return {
    host: context.getClass(),
    method: call.method,
    transport,
    indexes: chosen.map(({ index }) => index),
    path: ofProperty.length > 0 ? path.slice(1) : path,
    source,
  };
}

/** As a Set compares: NaN is itself, and 0 is -0. */
function sameValue(a: unknown, b: unknown): boolean {
  return a === b || Object.is(a, b);
}

function unreadable(template: string, { label }: LockedCall, problem: string): LockKeyError {
  return new LockKeyError(
    template,
    `The lock key ${quoted(template)} of ${label} cannot be made: ${problem}`,
  );
}

export function notAHandler(placeholder: string): string {
  return (
    `${placeholder} is a part of a request, and Nest did not call the method as a handler here. ` +
    'Use an argument, such as {0}, or a function of the arguments.'
  );
}

/** The parameters that are bound to a part of the request, or to a property of that part. */
export function bindingsOf(call: LockedCall, context: ExecutionContext, source: Source): ParameterBinding[] {
  const all = parameterBindings(context.getClass(), call.method) ?? undecorated(source);
  return all.filter(({ kind }) => kind === source.kind);
}

/** A path with its first name in the case that the source has. */
export function pathIn(source: Source, [first, ...rest]: readonly string[]): readonly string[] {
  return first === undefined ? [] : [foldCase(source, first), ...rest];
}

function undecorated({ kind, undecorated: index }: Source): ParameterBinding[] {
  return kind === undefined || index === undefined ? [] : [{ kind, index, property: undefined }];
}
