/** Which argument of a handler Nest binds to which part of the request: its own metadata, read. */

/** Nest's ROUTE_ARGS_METADATA, also of microservices, gateways and resolvers. Not exported by Nest 12 for libraries. */
export const ROUTE_ARGS_METADATA = '__routeArguments__';

/** Nest's numbers of parameter kinds. The payload of RPC and WebSocket and the arguments of GraphQL are BODY's. */
export const ParameterKind = { BODY: 3, QUERY: 4, PARAM: 5, HEADERS: 6 } as const;
export type ParameterKind = (typeof ParameterKind)[keyof typeof ParameterKind];

export interface ParameterBinding {
  readonly kind: number;
  readonly index: number;
  /** The property it takes, such as the `id` of `@Param('id')`; undefined for the whole. */
  readonly property: string | undefined;
}

type AnyClass = abstract new (...args: never[]) => object;

/**
 * Undefined where no parameter is decorated at all. Parameters of custom decorators are left out: what they read
 * cannot be known.
 */
export function parameterBindings(host: unknown, method: string | symbol): ParameterBinding[] | undefined {
  const declarer = declarerOf(host as AnyClass | undefined, method);
  if (declarer === undefined) return undefined;
  const metadata = Reflect.getMetadata(ROUTE_ARGS_METADATA, declarer, method) as
    Record<string, { index: number; data?: unknown }> | undefined;
  if (metadata === undefined) return undefined;
  return Object.entries(metadata).flatMap(([key, { index, data }]) => {
    const kind = /^(\d+):\d+$/.exec(key)?.[1];
    if (kind === undefined) return [];
    return [
      { kind: Number(kind), index, property: typeof data === 'string' && data !== '' ? data : undefined },
    ];
  });
}

/** As Nest finds it: mixins and class decorators may leave the metadata on the prototype's constructor. */
function declarerOf(host: AnyClass | undefined, method: string | symbol): AnyClass | undefined {
  const prototype = host?.prototype as Record<string | symbol, unknown> | undefined;
  const constructor = prototype?.constructor as AnyClass | undefined;
  if (typeof constructor !== 'function') return host;
  const declared = constructor.prototype as Record<string | symbol, unknown> | undefined;
  return declared?.[method] === prototype?.[method] ? constructor : host;
}
