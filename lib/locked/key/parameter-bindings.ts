/** Reads from Nest's metadata which argument of a handler Nest binds to which part of the request. */

/**
 * Nest's ROUTE_ARGS_METADATA, also used for microservices, gateways and resolvers. Nest 12 does not export it for
 * libraries.
 */
export const ROUTE_ARGS_METADATA = '__routeArguments__';

/**
 * Nest's numbers for the kinds of parameters. BODY is also the payload of RPC and WebSocket, and the arguments of
 * GraphQL.
 */
export const ParameterKind = { BODY: 3, QUERY: 4, PARAM: 5, HEADERS: 6 } as const;
export type ParameterKind = (typeof ParameterKind)[keyof typeof ParameterKind];

export interface ParameterBinding {
  readonly kind: number;
  readonly index: number;
  /** The property that is bound, such as `id` for `@Param('id')`. Undefined if the whole part is bound. */
  readonly property: string | undefined;
}

type AnyClass = abstract new (...args: never[]) => object;

/** What was read, by class and method. Decorators have run before the first call. */
const known = new WeakMap<object, Map<string | symbol, readonly ParameterBinding[] | undefined>>();

/**
 * Undefined if no parameter of the method has a decorator. Parameters with custom decorators are left out, because it
 * is not known what part of the request such a decorator reads. The metadata are read once for each class and method.
 */
export function parameterBindings(
  host: unknown,
  method: string | symbol,
): readonly ParameterBinding[] | undefined {
  if (typeof host !== 'function') return undefined;
  const ofClass = known.get(host) ?? new Map<string | symbol, readonly ParameterBinding[] | undefined>();
  if (ofClass.has(method)) return ofClass.get(method);
  known.set(host, ofClass);
  const bindings = readBindings(host, method);
  ofClass.set(method, bindings);
  return bindings;
}

function readBindings(host: unknown, method: string | symbol): ParameterBinding[] | undefined {
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

/**
 * The class that has the metadata, found as Nest finds it: with mixins and class decorators, `prototype.constructor`.
 */
function declarerOf(host: AnyClass | undefined, method: string | symbol): AnyClass | undefined {
  const prototype = host?.prototype as Record<string | symbol, unknown> | undefined;
  const constructor = prototype?.constructor as AnyClass | undefined;
  if (typeof constructor !== 'function') return host;
  const declared = constructor.prototype as Record<string | symbol, unknown> | undefined;
  return declared?.[method] === prototype?.[method] ? constructor : host;
}
