/**
 * The error for a value of a request that cannot be used in a key. It says whether the client sent a wrong value, or
 * whether the code is wrong.
 */
import type { ExecutionContext } from '@nestjs/common';
import { follow, type Placeholder, type RequestRoot } from '../../core/keys/key-template.js';
import { isUsable, type Unusable, unusableValue } from '../../core/keys/key-value.js';
import type { LockKeyError } from '../../errors/index.js';
import type { LockedCall } from '../locked-call.js';
import { bindingsOf, pathIn } from './request-value.js';
import { rootsOf, type Source, sourceOf } from './request-sources.js';
import { routeParameters } from './route-parameters.js';

/** The part of the request that a placeholder names. */
interface Part {
  readonly root: RequestRoot;
  readonly source: Source;
  readonly path: readonly string[];
  readonly context: ExecutionContext;
}

/** A guard sets the user, so a wrong value of it is always a mistake of the code. */
const SET_BY_CODE: RequestRoot = 'user';

/**
 * The error for a placeholder with an unusable value.
 *
 * The client is at fault if the value is missing, empty, repeated or not a single value *in the request*. The code is
 * at fault if the request can never have the name. The code is also at fault if a pipe or a class made an unusable
 * value from a usable one.
 */
export function requestValueError(
  call: LockedCall,
  template: string,
  placeholder: Placeholder,
  value: unknown,
  why: Unusable,
): LockKeyError {
  const origin = { template, path: placeholder.source, label: call.label };
  const part = partOf(call, placeholder);
  if (part === undefined || part.root === SET_BY_CODE || why.made) return unusableValue(origin, why);
  const raw = part.source.raw(part.context);
  const knownNames = namesIn(part, raw);
  if (knownNames !== undefined) {
    const cure = `The ${PART_NAMES[part.root] ?? part.root} there are: ${knownNames.join(', ') || 'none'}.`;
    return unusableValue(origin, { ...why, cure });
  }
  if (isNotScalar(value) && isUsable(follow(raw, part.path))) {
    const problem = `${why.problem} after its pipes, and was sent as ${typeof follow(raw, part.path)}`;
    return unusableValue(origin, { ...why, problem });
  }
  return unusableValue(origin, why, {
    fault: 'client',
    placeholder: `{${[part.root, ...part.path].join('.')}}`,
  });
}

/** The part of the request that the placeholder names. An argument counts as the part that it is bound to. */
function partOf(call: LockedCall, { root, path }: Placeholder): Part | undefined {
  const context = call.scope?.context;
  if (context === undefined) return undefined;
  const transport = context.getType<string>();
  if (typeof root === 'string') {
    const source = sourceOf(transport, root);
    return source && { root, source, path: pathIn(source, path), context };
  }
  for (const each of rootsOf(transport)) {
    const source = sourceOf(transport, each);
    if (source?.kind === undefined) continue;
    const binding = bindingsOf(call, context, source).find(({ index }) => index === root);
    if (binding === undefined) continue;
    const inner = binding.property === undefined ? path : [binding.property, ...path];
    return { root: each, source, path: pathIn(source, inner), context };
  }
  return undefined;
}

const PART_NAMES: Partial<Record<RequestRoot, string>> = { params: 'parameters', gql: 'arguments' };

/**
 * The names that a part of the request has, if the name of the placeholder can never be among them; otherwise
 * undefined.
 */
function namesIn({ root, path, context }: Part, raw: unknown): readonly string[] | undefined {
  const [name] = path;
  const isObject = typeof raw === 'object' && raw !== null;
  switch (root) {
    case 'params': {
      const names = isObject ? Object.keys(raw) : [];
      if (name === undefined) return names;
      const ofRoute = routeParameters(context.getClass(), context.getHandler());
      // An optional parameter may be missing. A parameter of a prefix is not known here, but it is present if it is
      // used.
      return names.includes(name) || ofRoute?.names.has(name) === true ? undefined : names;
    }
    case 'gql': {
      const names = argumentsOf(context);
      if (name === undefined) return names ?? [];
      return names?.includes(name) === false ? names : undefined;
    }
    case 'query':
    case 'headers':
      return name !== undefined && isObject ? undefined : [];
    case 'body':
    case 'data':
    case 'user':
      return undefined;
  }
}

/** The arguments that the schema defines for the field. A client cannot send other arguments. */
function argumentsOf(context: ExecutionContext): string[] | undefined {
  const info: GraphqlInfo | undefined = context.getArgByIndex(3);
  const field = info?.parentType?.getFields?.()[info.fieldName];
  return field?.args?.map(({ name }) => name);
}

interface GraphqlInfo {
  readonly fieldName: string;
  readonly parentType?: { getFields?(): Record<string, { args?: ReadonlyArray<{ name: string }> }> };
}

/** If the request has a scalar and the argument does not, a pipe has replaced the value. */
function isNotScalar(value: unknown): boolean {
  return value === undefined || value === null || typeof value === 'object';
}
