/** Checks at application start: keys that no call could ever make, and keys that are probably a mistake. */
import { ApplicationConfig, type ModulesContainer } from '@nestjs/core';
import type { Placeholder, RequestRoot } from '../../core/keys/key-template.js';
import { LockKeyError, printable, quoted } from '../../errors/index.js';
import { type DeclaredKey, declaredKeys } from './declared-keys.js';
import { transportsOf } from './handler-transports.js';
import { rootsOf } from './request-sources.js';
import { notAHandler } from './request-value.js';
import { routeParameters } from './route-parameters.js';
import { likelyPlaceholder, parameterNames } from './likely-placeholder.js';

interface RequestPlaceholder extends Placeholder {
  readonly root: RequestRoot;
}

/**
 * @returns a hint for each key that is probably a mistake.
 * @throws LockKeyError for the first key that names a part that no request to its method has.
 */
export function checkKeys(modules: ModulesContainer): string[] {
  const prefixes = pathPrefixes(modules);
  const hints = new Map<DeclaredKey, string>();
  for (const { controllers, providers } of modules.values()) {
    for (const wrapper of [...controllers.values(), ...providers.values()]) {
      const host = wrapper.metatype as { prototype?: unknown } | null;
      const prototype = host?.prototype;
      if (host === null || typeof prototype !== 'object' || prototype === null) continue;
      for (const declared of declaredKeys(prototype)) {
        const handler: unknown = Reflect.get(prototype, declared.method);
        if (typeof handler === 'function') checkPlaceholders(declared, host, handler, prefixes);
        const hint = hintFor(declared);
        if (hint !== undefined) hints.set(declared, hint);
      }
    }
  }
  return [...hints.values()];
}

function checkPlaceholders(
  { templates, label }: DeclaredKey,
  host: object,
  handler: object,
  prefixes: readonly string[],
): void {
  const transports = transportsOf(handler);
  const route = routeParameters(host, handler, prefixes);
  for (const { source, parts } of templates) {
    for (const part of parts) {
      if (!isOfRequest(part)) continue;
      const keyError = (problem: string): LockKeyError =>
        new LockKeyError(source, `The lock key ${quoted(source)} of ${label} can never be made: ${problem}`);
      const shown = printable(part.source, 120);
      if (transports.length === 0) throw keyError(notAHandler(shown));
      if (!transports.some((transport) => rootsOf(transport).includes(part.root))) {
        const known = new Set(transports.flatMap(rootsOf));
        throw keyError(
          `there is no ${shown} in a request over ${transports.join(' or ')} (what can be read: ${[...known].join(', ')}).`,
        );
      }
      const [name] = part.path;
      if (part.root !== 'params' || route?.complete !== true) continue;
      if (name !== undefined && route.names.has(name)) continue;
      const names = [...route.names].join(', ') || 'none';
      throw keyError(`no route of the method has ${shown}. The parameters there are: ${names}.`);
    }
  }
}

function isOfRequest(part: string | Placeholder): part is RequestPlaceholder {
  return typeof part !== 'string' && typeof part.root === 'string';
}

function hintFor({ templates, label, body }: DeclaredKey): string | undefined {
  const names = parameterNames(body);
  if (names.length === 0) return undefined;
  for (const { source, parts } of templates) {
    const [text = '', ...others] = parts;
    if (others.length > 0 || typeof text !== 'string') continue;
    const likely = likelyPlaceholder(text, names);
    if (likely === undefined) continue;
    return (
      `The lock key ${quoted(source)} of ${label} has no placeholder: all calls share one lock. If ${quoted(likely.name)} ` +
      `stands for a value, write {${likely.index}} for that argument, or {params.${/^\w+$/.test(likely.name) ? likely.name : 'id'}} for a part of the request. If ` +
      `one lock is meant, use a key without a colon, or a function: @Locked(() => ${quoted(text)}).`
    );
  }
  return undefined;
}

/**
 * The paths of modules and the global prefix of the application. Each of them may precede the path of any controller.
 */
function pathPrefixes(modules: ModulesContainer): string[] {
  const found: unknown[] = [];
  for (const { metatype, providers } of modules.values()) {
    const config = providers.get(ApplicationConfig)?.instance as ApplicationConfig | undefined;
    found.push(config?.getGlobalPrefix());
    for (const key of Reflect.getMetadataKeys(metatype) as unknown[]) {
      // The RouterModule sets this metadata, with one key for each application.
      if (String(key).startsWith('__module_path__')) found.push(Reflect.getMetadata(key, metatype));
    }
  }
  return found.filter((path) => typeof path === 'string');
}
