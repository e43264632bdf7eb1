/** The transports by which Nest calls a method, found by the metadata of Nest's decorators. */
import type { Transport } from './request-sources.js';

/** The metadata keys that Nest's decorators set on a method. */
const METADATA_KEYS: ReadonlyArray<[transport: Transport, keys: readonly string[]]> = [
  ['http', ['path']],
  ['rpc', ['microservices:handler_type']],
  ['ws', ['websockets:message_mapping']],
  ['graphql', ['graphql:resolver_type', 'graphql:resolve_property', 'graphql:resolve_reference']],
];

/**
 * Empty if the method is not a handler. Call it when the application starts, because the decorators above `@Locked` run
 * after `@Locked`.
 */
export function transportsOf(handler: object): Transport[] {
  return METADATA_KEYS.filter(([, keys]) => keys.some((key) => Reflect.hasMetadata(key, handler))).map(
    ([transport]) => transport,
  );
}
