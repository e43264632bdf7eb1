/**
 * The providers of a LockModule: its checked options, its store, the engine, the service, and the mapping of errors.
 */
import { type ExceptionFilter, Logger, type Provider } from '@nestjs/common';
import { APP_FILTER, ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { LockEngine } from './core/engine/lock-engine.js';
import type { LockStore } from './core/contracts/store.contract.js';
import { decideMapping } from './error-mapping/mapping-decision.js';
import { LockErrorFilter, NoFilter } from './error-mapping/lock-error.filter.js';
import { LockErrorInterceptor } from './error-mapping/lock-error.interceptor.js';
import type { LockModuleOptions } from './interfaces/lock-module-options.interface.js';
import { THIS_COPY, getLockServiceToken, getLockStoreToken } from './lock.constants.js';
import { foreignSubstitute } from './module/foreign-services.js';
import { logEvents } from './module/lock-event.logger.js';
import { moduleLogger, type ModuleLogger } from './module/module-log.js';
import { LockLifecycle } from './module/lock.lifecycle.js';
import { type ResolvedModuleOptions, resolveModuleOptions } from './module/resolve-module-options.js';
import { LockStoreProvider } from './module/lock-store.provider.js';
import { LockService } from './lock.service.js';
import {
  COPY_PLACE,
  LOCK_MODULE_NAME,
  LockModuleRegistry,
  type ModuleName,
  RESOLVED_OPTIONS,
} from './module/lock-module.registry.js';

/** The token of the options as they were given. Nest's builder provides them. */
export const RAW_OPTIONS = Symbol('nestjs-locked: the options as given');
const LOGGER = Symbol('nestjs-locked: the logger');
const MAPPING = Symbol('nestjs-locked: does an interceptor map the errors?');

export function lockProviders(name: string | undefined): Provider[] {
  const storeToken = getLockStoreToken(name);
  return [
    { provide: LOCK_MODULE_NAME, useValue: (name ?? null) satisfies ModuleName },
    { provide: COPY_PLACE, useValue: THIS_COPY.at },
    {
      provide: LOGGER,
      inject: [RESOLVED_OPTIONS],
      useFactory: ({ log }: ResolvedModuleOptions) =>
        moduleLogger(log, new Logger(name === undefined ? 'LockModule' : `LockModule(${name})`)),
    },
    {
      provide: LockModuleRegistry,
      inject: [ModulesContainer, LOCK_MODULE_NAME],
      useFactory: (container: ModulesContainer, own: ModuleName) => new LockModuleRegistry(container, own),
    },
    {
      provide: RESOLVED_OPTIONS,
      // The registry is not used here. It is injected so that it is made first: if two modules have one name, its error
      // comes before any module opens a connection.
      inject: [RAW_OPTIONS, LockModuleRegistry],
      useFactory: (options: LockModuleOptions) => resolveModuleOptions(options, name),
    },
    { provide: LockStoreProvider, useFactory: () => new LockStoreProvider() },
    {
      provide: storeToken,
      inject: [RESOLVED_OPTIONS, LockStoreProvider, LOGGER],
      useFactory: ({ target }: ResolvedModuleOptions, opened: LockStoreProvider, logger: ModuleLogger) =>
        opened.open(target, connectionName(name), logger),
    },
    {
      provide: LockEngine,
      inject: [storeToken, RESOLVED_OPTIONS, LockStoreProvider, LOGGER],
      useFactory: (
        store: LockStore,
        options: ResolvedModuleOptions,
        opened: LockStoreProvider,
        logger: ModuleLogger,
      ) => {
        const { owner, maxWaiters, longHold, inspection } = options;
        return new LockEngine({
          store,
          owner,
          maxWaiters,
          longHold,
          inspection,
          emit: logEvents(logger, () => opened.down, options.log),
        });
      },
    },
    {
      provide: getLockServiceToken(name),
      inject: [LockEngine, RESOLVED_OPTIONS, LockModuleRegistry],
      useFactory: (engine: LockEngine, { policy }: ResolvedModuleOptions, registry: LockModuleRegistry) =>
        serviceOf(() => new LockService(engine, policy), registry),
    },
    {
      provide: LockLifecycle,
      inject: [LockEngine, LockStoreProvider, RESOLVED_OPTIONS, LockModuleRegistry, ModulesContainer, LOGGER],
      useFactory: (
        engine: LockEngine,
        opened: LockStoreProvider,
        options: ResolvedModuleOptions,
        registry: LockModuleRegistry,
        modules: ModulesContainer,
        logger: ModuleLogger,
      ) => new LockLifecycle({ engine, opened, options, registry, modules, logger }),
    },
    {
      provide: MAPPING,
      // Not APP_INTERCEPTOR, because its provider must always give an interceptor. The first interceptor of a handler
      // costs a third of the time that Nest needs for a request, whatever the interceptor does.
      inject: [ApplicationConfig, RESOLVED_OPTIONS, LockModuleRegistry],
      useFactory: (
        application: ApplicationConfig,
        { mapErrors, busyStatus }: ResolvedModuleOptions,
        registry: LockModuleRegistry,
      ): boolean => {
        const mapping = mapErrors && registry.mapsErrors && registry.used;
        if (mapping) application.addGlobalInterceptor(new LockErrorInterceptor({ busyStatus }));
        return mapping;
      },
    },
    {
      provide: APP_FILTER,
      inject: [RESOLVED_OPTIONS, LockModuleRegistry, HttpAdapterHost],
      useFactory: (
        { mapErrors, busyStatus }: ResolvedModuleOptions,
        { mapsErrors }: LockModuleRegistry,
        adapterHost: HttpAdapterHost,
      ): ExceptionFilter =>
        mapErrors && mapsErrors ? new LockErrorFilter(busyStatus, adapterHost) : new NoFilter(),
    },
  ];
}

/** A service with the application's mapping of errors, or the service that a test has put in its place. */
export function serviceOf(make: () => LockService, registry: LockModuleRegistry): LockService {
  const substitute = foreignSubstitute(registry);
  if (substitute !== undefined) return substitute;
  const service = make();
  decideMapping(service, () => registry.errorsAreMapped);
  return service;
}

/** The name of the connection in Redis, which allows no spaces in it. */
function connectionName(name: string | undefined): string {
  return name === undefined ? 'nestjs-locked' : `nestjs-locked:${name.replace(/[^\w.:-]/g, '_')}`;
}
