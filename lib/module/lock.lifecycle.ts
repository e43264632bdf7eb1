/** The moments at which a LockModule connects, refuses new locks, drains and closes. */
import type { ModulesContainer } from '@nestjs/core';
import type {
  Logger,
  OnApplicationBootstrap,
  OnApplicationShutdown,
  OnModuleDestroy,
  OnModuleInit,
} from '@nestjs/common';
import { checkClientOptions } from '../locked/decoration/client-options.js';
import { checkKeys } from '../locked/key/key-checks.js';
import type { LockEngine } from '../core/engine/lock-engine.js';
import { SHUTDOWN_GRACE } from '../lock.constants.js';
import { LockProvision } from './provider-checks.js';
import type { ResolvedModuleOptions } from './resolve-module-options.js';
import type { LockStoreProvider } from './lock-store.provider.js';
import type { LockModuleRegistry } from './lock-module.registry.js';

export interface LockLifecycleParts {
  readonly engine: LockEngine;
  readonly opened: LockStoreProvider;
  readonly options: ResolvedModuleOptions;
  readonly registry: LockModuleRegistry;
  /** The modules of the application. */
  readonly modules: ModulesContainer;
  readonly logger: Pick<Logger, 'error' | 'warn'>;
}

/**
 * Nest calls `onModuleDestroy` first. It then lets the servers finish their requests, and calls
 * `onApplicationShutdown`. So in between, handlers keep the locks that they hold, and get no new ones.
 */
export class LockLifecycle
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown
{
  readonly #provision: LockProvision;

  constructor(private readonly parts: LockLifecycleParts) {
    this.#provision = new LockProvision(parts.modules);
  }

  onModuleInit(): void {
    const { registry, options, modules, logger } = this.parts;
    registry.checkMapping(options);
    // One module does the checks for all modules.
    if (!registry.mapsErrors) return;
    for (const prototype of prototypesOf(modules)) checkClientOptions(prototype);
    for (const hint of checkKeys(modules)) logger.warn(hint);
    this.#provision.start();
  }

  /** Connects only now, so that an application that fails to start leaves no connection behind. */
  onApplicationBootstrap(): void {
    this.parts.opened.connect();
  }

  onModuleDestroy(): void {
    this.parts.engine.refuse();
  }

  async onApplicationShutdown(): Promise<void> {
    const { engine, opened, logger } = this.parts;
    try {
      await engine.drain(SHUTDOWN_GRACE);
      await engine.close();
    } catch (error) {
      logger.error('Locks could not be released at shutdown. They end with their leases.', error);
    } finally {
      this.#provision.end();
      await opened.close();
    }
  }
}

/** The prototypes of all classes that Nest makes instances of. */
function* prototypesOf(modules: ModulesContainer): Iterable<object> {
  for (const { controllers, providers } of modules.values()) {
    for (const { metatype } of [...controllers.values(), ...providers.values()]) {
      // Some factories have a prototype too, which is empty.
      const prototype = (metatype as { prototype?: unknown } | null)?.prototype;
      if (typeof prototype === 'object' && prototype !== null) yield prototype;
    }
  }
}
