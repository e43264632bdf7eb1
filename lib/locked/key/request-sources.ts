/**
 * The parts of a request that a key can name, by transport: how each part is read, and which parameters are bound to
 * it.
 */
import type { ExecutionContext } from '@nestjs/common';
import type { RequestRoot } from '../../core/keys/key-template.js';
import { ParameterKind } from './parameter-bindings.js';

/** One root, such as `params`, of one transport. */
export interface Source {
  /** The kind of parameter that is bound to the part. Undefined if no parameter can be. */
  readonly kind?: ParameterKind;
  /** The index of the argument that gets the part if no parameter has a decorator: Nest's default for messages. */
  readonly undecorated?: number;
  /** Whether names match in any case, as names of headers do. */
  readonly ignoreCase?: boolean;
  raw(context: ExecutionContext): unknown;
}

export type Transport = 'http' | 'rpc' | 'ws' | 'graphql';

interface HasUser {
  user?: unknown;
}

const request = (context: ExecutionContext): Partial<Record<string, unknown>> =>
  context.getArgByIndex(0) ?? {};
const gqlContext = (
  context: ExecutionContext,
): (HasUser & { req?: HasUser & { headers?: unknown } }) | undefined => context.getArgByIndex(2);
const client = (
  context: ExecutionContext,
): (HasUser & { data?: HasUser; handshake?: { headers?: unknown } }) | undefined => context.getArgByIndex(0);

const SOURCES: Record<Transport, Partial<Record<RequestRoot, Source>>> = {
  http: {
    params: { kind: ParameterKind.PARAM, raw: (context) => request(context).params },
    query: { kind: ParameterKind.QUERY, raw: (context) => request(context).query },
    body: { kind: ParameterKind.BODY, raw: (context) => request(context).body },
    headers: { kind: ParameterKind.HEADERS, ignoreCase: true, raw: (context) => request(context).headers },
    user: { raw: (context) => request(context).user },
  },
  rpc: {
    data: { kind: ParameterKind.BODY, undecorated: 0, raw: (context) => context.switchToRpc().getData() },
    user: { raw: (context) => context.switchToRpc().getContext<HasUser | undefined>()?.user },
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

/** Undefined if a request over the transport has no such part. */
export function sourceOf(transport: string, root: RequestRoot): Source | undefined {
  return sourcesOf(transport)[root];
}

/** The roots that can be read from a request over a transport. Empty for an unknown transport. */
export function rootsOf(transport: string): readonly RequestRoot[] {
  return Object.keys(sourcesOf(transport)) as RequestRoot[];
}

function sourcesOf(transport: string): Partial<Record<RequestRoot, Source>> {
  return Object.hasOwn(SOURCES, transport) ? SOURCES[transport as Transport] : {};
}

/** A name in lower case if the source ignores case, otherwise the name itself. */
export function foldCase({ ignoreCase }: Source, name: string): string {
  return ignoreCase === true ? name.toLowerCase() : name;
}
