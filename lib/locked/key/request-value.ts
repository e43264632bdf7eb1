/**
 * The value of a placeholder such as `{params.id}`. If an argument is bound to that part of the request, it is the
 * argument, after pipes. Otherwise it is the raw value of the request.
 */
import type { ExecutionContext } from '@nestjs/common';
import { follow, type Placeholder, type RequestRoot } from '../../core/keys/key-template.js';
import { LockKeyError, printable, quoted } from '../../errors/index.js';
import type { LockedCall } from '../locked-call.interface.js';
import { type ParameterBinding, parameterBindings } from './parameter-bindings.js';
import { foldCase, rootsOf, type Source, sourceOf } from './request-sources.js';

/**
 * @throws LockKeyError if Nest did not call the method as a handler, or if its transport has no such part. Also if
 * several arguments are bound to the part and have different values.
 */
export function requestValue(
  call: LockedCall,
  root: RequestRoot,
  placeholder: Placeholder,
  template: string,
): unknown {
  const keyError = (problem: string): LockKeyError =>
    new LockKeyError(
      template,
      `The lock key ${quoted(template)} of ${call.label} cannot be made: ${problem}`,
    );
  const shown = printable(placeholder.source, 120);
  if (call.scope === undefined) throw keyError(notAHandler(shown));
  const { context } = call.scope;
  const transport = context.getType<string>();
  const source = sourceOf(transport, root);
  if (source === undefined) {
    throw keyError(
      `there is no ${shown} in a context of type "${transport}" (what can be read: ${rootsOf(transport).join(', ') || 'none'}).`,
    );
  }
  const path = pathIn(source, placeholder.path);
  const bindings = bindingsOf(call, context, source);
  const ofProperty = bindings.filter(
    ({ property }) => property !== undefined && foldCase(source, property) === path[0],
  );
  const ofWhole = bindings.filter(({ property }) => property === undefined);
  const [chosen, tail] = ofProperty.length > 0 ? [ofProperty, path.slice(1)] : [ofWhole, path];
  if (chosen.length === 0) return follow(source.raw(context), path);
  const values = new Set(chosen.map(({ index }) => follow(call.args[index], tail)));
  if (values.size > 1) {
    // Two arguments can have different values of one part, for example 1 and '01'. A client can write one of these
    // values in several ways. Calls that must exclude each other would then have different keys.
    throw keyError(
      `${shown} is bound by the arguments ${chosen.map(({ index }) => index).join(' and ')}, with ` +
        `different values. Name one of them, such as {${chosen[0].index}}.`,
    );
  }
  return [...values][0];
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
