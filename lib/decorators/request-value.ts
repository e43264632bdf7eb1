/** What a placeholder such as `{params.id}` stands for: the argument bound to it, after pipes, or the raw request. */
import type { ExecutionContext } from '@nestjs/common';
import { follow, type Placeholder, type RequestRoot } from '../core/keys/key-template.js';
import { LockKeyError, quoted } from '../errors/index.js';
import type { LockedCall } from './locked-call.interface.js';
import { type ParameterBinding, parameterBindings, ParameterKind } from './parameter-bindings.js';

/** One root of one transport. */
interface Source {
  /** The kind of parameter that binds it, where one can. */
  readonly kind?: ParameterKind;
  /** The argument it is where no parameter is decorated at all: Nest's default for messages. */
  readonly undecorated?: number;
  readonly ignoreCase?: boolean;
  raw(context: ExecutionContext): unknown;
}

interface Userish {
  user?: unknown;
}

const request = (context: ExecutionContext): Partial<Record<string, unknown>> =>
  context.getArgByIndex(0) ?? {};
const gqlContext = (
  context: ExecutionContext,
): (Userish & { req?: Userish & { headers?: unknown } }) | undefined => context.getArgByIndex(2);
const client = (
  context: ExecutionContext,
): (Userish & { data?: Userish; handshake?: { headers?: unknown } }) | undefined => context.getArgByIndex(0);

const SOURCES: Record<string, Partial<Record<RequestRoot, Source>>> = {
  http: {
    params: { kind: ParameterKind.PARAM, raw: (context) => request(context).params },
    query: { kind: ParameterKind.QUERY, raw: (context) => request(context).query },
    body: { kind: ParameterKind.BODY, raw: (context) => request(context).body },
    headers: { kind: ParameterKind.HEADERS, ignoreCase: true, raw: (context) => request(context).headers },
    user: { raw: (context) => request(context).user },
  },
  rpc: {
    data: { kind: ParameterKind.BODY, undecorated: 0, raw: (context) => context.switchToRpc().getData() },
    user: { raw: (context) => context.switchToRpc().getContext<Userish | undefined>()?.user },
  },
  ws: {
    data: { kind: ParameterKind.BODY, undecorated: 1, raw: (context) => context.switchToWs().getData() },
    headers: { ignoreCase: true, raw: (context) => client(context)?.handshake?.headers },
    user: { raw: (context) => client(context)?.user ?? client(context)?.data?.user },
  },
  graphql: {
    gql: { kind: ParameterKind.BODY, raw: (context) => context.getArgByIndex(1) },
    headers: { ignoreCase: true, raw: (context) => gqlContext(context)?.req?.headers },
    user: { raw: (context) => gqlContext(context)?.req?.user ?? gqlContext(context)?.user },
  },
};

/**
 * @throws LockKeyError where Nest did not call the method as a handler, or its transport has no such part.
 */
export function requestValue(
  call: LockedCall,
  root: RequestRoot,
  placeholder: Placeholder,
  template: string,
): unknown {
  const complain = (problem: string): LockKeyError =>
    new LockKeyError(
      template,
      `The lock key ${quoted(template)} of ${call.label} cannot be made: ${problem}`,
    );
  if (call.scope === undefined) {
    throw complain(
      `${placeholder.source} is a part of a request, and Nest did not call the method as a handler here. ` +
        'Use an argument, such as {0}, or a function of the arguments.',
    );
  }
  const { context } = call.scope;
  const transport = context.getType<string>();
  const source = SOURCES[transport]?.[root];
  if (source === undefined) {
    const known = Object.keys(SOURCES[transport] ?? {}).join(', ') || 'none';
    throw complain(
      `there is no ${placeholder.source} in a context of type "${transport}" (what can be read: ${known}).`,
    );
  }
  const fold = (name: string): string => (source.ignoreCase === true ? name.toLowerCase() : name);
  const [first, ...rest] = placeholder.path;
  const path = first === undefined ? [] : [fold(first), ...rest];
  const all = parameterBindings(context.getClass(), call.method) ?? undecorated(source);
  const bindings = all.filter(({ kind }) => kind === source.kind);
  const ofProperty = bindings.filter(({ property }) => property !== undefined && fold(property) === path[0]);
  const ofWhole = bindings.filter(({ property }) => property === undefined);
  const [chosen, tail] = ofProperty.length > 0 ? [ofProperty, rest] : [ofWhole, path];
  if (chosen.length === 0) return follow(source.raw(context), path);
  const values = new Set(chosen.map(({ index }) => follow(call.args[index], tail)));
  if (values.size > 1) {
    // Of two readings of one value, one can be written in several ways: it would not exclude what it should.
    throw complain(
      `${placeholder.source} is bound by the arguments ${chosen.map(({ index }) => index).join(' and ')}, with ` +
        `different values. Name one of them, such as {${chosen[0].index}}.`,
    );
  }
  return [...values][0];
}

function undecorated({ kind, undecorated: index }: Source): ParameterBinding[] {
  return kind === undefined || index === undefined ? [] : [{ kind, index, property: undefined }];
}
