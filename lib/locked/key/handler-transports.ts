/** By which transports Nest calls a method: what its own decorators leave on it. */
import type { Transport } from './request-sources.js';

const METADATA_KEYS: ReadonlyArray<[transport: Transport, keys: readonly string[]]> = [
  ['http', ['path']],
  ['rpc', ['microservices:handler_type']],
  ['ws', ['websockets:message_mapping']],
  ['graphql', ['graphql:resolver_type', 'graphql:resolve_property', 'graphql:resolve_reference']],
];

/** Empty for a method that is no handler. To be requested when the application starts: decorators above come later. */
export function transportsOf(handler: object): Transport[] {
  return METADATA_KEYS.filter(([, keys]) => keys.some((key) => Reflect.hasMetadata(key, handler))).map(
    ([transport]) => transport,
  );
}
