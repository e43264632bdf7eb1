/**
 * Provides the unnamed module's service under the tokens of other copies of the package. Each copy has a class
 * `LockService` of its own, and this class is its token.
 */
import type { DynamicModule, FactoryProvider, InjectionToken } from '@nestjs/common';
import { type PackageCopy, otherCopies } from '../core/util/copies.js';
import { LockWiringError } from '../errors/index.js';
import { THIS_COPY, getLockServiceToken } from '../lock.constants.js';
import type { LockService } from '../lock.service.js';
import { LockModuleRegistry } from './lock-module.registry.js';

type ServiceProvider = FactoryProvider<LockService>;

/** The factories of the providers below. A factory that is not in this set comes from a test. */
const FACTORIES = new WeakSet<object>();

/**
 * Adds the tokens of other copies to a module without a name. The token of a named module is the same in all copies.
 * The lists are getters, which Nest reads when it scans the module, because a copy may be loaded after `forRoot` was
 * called.
 */
export function withForeignServices(name: string | undefined, definition: DynamicModule): DynamicModule {
  if (name !== undefined) return definition;
  const { providers = [], exports = [] } = definition;
  return {
    ...definition,
    get providers() {
      return [...providers, ...otherCopies(THIS_COPY).map(foreignProvider)];
    },
    get exports() {
      return [...exports, ...otherCopies(THIS_COPY).map(tokenOf)];
    },
  };
}

/**
 * The service that a test provides under the token of another copy. It then replaces the service under every token.
 * @throws LockWiringError if a class or a factory provides that service, because its instance does not exist yet.
 */
export function foreignSubstitute(registry: LockModuleRegistry): LockService | undefined {
  for (const copy of otherCopies(THIS_COPY)) {
    const provided = registry.provided(tokenOf(copy));
    if (provided === undefined || FACTORIES.has(provided.metatype ?? {})) continue;
    if (provided.metatype === null) return provided.instance as LockService;
    throw new LockWiringError(
      `The LockService of the copy of nestjs-locked at ${copy.at} is overridden by a class or a factory. The LockModule is ` +
        `of the copy at ${THIS_COPY.at}: override its LockService, or use useValue().`,
    );
  }
  return undefined;
}

function foreignProvider(copy: PackageCopy): ServiceProvider {
  const useFactory = (service: LockService, registry: LockModuleRegistry): LockService => {
    const user = registry.classInjectedWith(tokenOf(copy));
    if (user !== undefined) throw twoCopies(user, copy);
    return service;
  };
  FACTORIES.add(useFactory);
  return { provide: tokenOf(copy), inject: [getLockServiceToken(), LockModuleRegistry], useFactory };
}

function tokenOf({ service }: PackageCopy): InjectionToken {
  return service as InjectionToken;
}

function twoCopies(user: string, copy: PackageCopy): LockWiringError {
  return new LockWiringError(
    `There are two copies of nestjs-locked in this application. The constructor of ${user} takes the LockService of the copy at ` +
      `${copy.at}, and the LockModule is of the copy at ${THIS_COPY.at}. Install one copy (npm ls nestjs-locked lists them) ` +
      'and load it in one format, ESM or CommonJS. Or inject the service by @InjectLockService(), which any copy serves.',
  );
}
