/** The module that an application imports for the dashboard. */
import { type DynamicModule, Module } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { DASHBOARD_OPTIONS, dashboardController } from './dashboard.controller.js';
import type { LockDashboardOptions } from './dashboard.options.js';
import { resolveDashboardOptions } from './resolve-dashboard-options.js';
import { LiveFeed } from './state/live-feed.js';
import { LockDetails } from './state/lock-details.js';
import { LockSources } from './state/lock-sources.js';

/**
 * Serves a page that shows, live, which locks are held, by which processes and methods, and which callers wait. It runs
 * on Express and on Fastify. It sends one question an interval to the processes while somebody watches, and none else.
 *
 * ```ts
 * @Module({
 *   imports: [LockModule.forRoot(), LockDashboardModule.forRoot({ guards: [AdminGuard] })],
 * })
 * export class AppModule {}
 * ```
 */
@Module({})
export class LockDashboardModule {
  /**
   * Makes the module, with the routes at `path`. Import it once, beside the lock module.
   * @throws LockOptionsError unless exactly one protection is chosen, and for an invalid option. The start of the
   * application fails with a LockWiringError if there is no lock module to show.
   */
  static forRoot(options: LockDashboardOptions): DynamicModule {
    const resolved = resolveDashboardOptions(options);
    const { services, refresh, imports } = resolved;
    return {
      module: LockDashboardModule,
      imports,
      controllers: [dashboardController(resolved)],
      providers: [
        { provide: DASHBOARD_OPTIONS, useValue: resolved },
        {
          provide: LockSources,
          inject: [ModuleRef],
          useFactory: (modules: ModuleRef) => new LockSources(modules, services),
        },
        { provide: LockDetails, useValue: new LockDetails(refresh) },
        {
          provide: LiveFeed,
          inject: [LockSources],
          useFactory: (sources: LockSources) => new LiveFeed(() => sources.read(), refresh),
        },
      ],
    };
  }
}
