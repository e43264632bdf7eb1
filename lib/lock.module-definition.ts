/** The base class that Nest's builder makes: `forRoot`, `forRootAsync`, and the extras `name` and `isGlobal`. */
import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { LockModuleExtras, LockModuleOptions } from './interfaces/lock-module-options.interface.js';
import { getLockServiceToken, getLockStoreToken } from './lock.constants.js';
import { withForeignServices } from './module/foreign-services.js';
import { RAW_OPTIONS, lockProviders } from './lock.providers.js';

const EXTRAS: LockModuleExtras = { name: undefined, isGlobal: true };

export const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<LockModuleOptions>({
  optionsInjectionToken: RAW_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createLockOptions')
  .setExtras(EXTRAS, (definition, { name, isGlobal }) =>
    withForeignServices(name, {
      ...definition,
      global: isGlobal ?? true,
      providers: [...(definition.providers ?? []), ...lockProviders(name)],
      exports: [getLockServiceToken(name), getLockStoreToken(name)],
    }),
  )
  .build();
