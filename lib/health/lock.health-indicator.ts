/** A health indicator that takes a lock and releases it: a store that refuses writes still replies to a PING. */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import type { UsingOptions } from '../core/options/acquire.options.js';
import { badOption, checkDuration, checkNames, checkObject } from '../core/options/option-checks.js';
import { ORIGIN, type OptionsWithOrigin } from '../core/options/origin.js';
import { isLockError, LockStoreError, LockWiringError, printable } from '../errors/index.js';
import { getLockServiceToken } from '../lock.constants.js';
import type { LockService } from '../lock.service.js';
import type { Duration } from '../core/time/duration.js';
import { runOutside } from '../core/time/outside.js';

const DEFAULT_TIMEOUT = 900;
/** The lease of a check. If the process ends during a check, the key is free after this time. */
const TTL = 10_000;
/** Probes come every few seconds. They have metrics, and no traces of their own. */
const CHECK: UsingOptions & OptionsWithOrigin = {
  ttl: TTL,
  wait: TTL,
  [ORIGIN]: { label: 'LockHealthIndicator', template: 'nestjs-locked:health:*', untraced: true },
};
const KNOWN = new Set(['timeout', 'service']);

/** The options of {@link LockHealthIndicator.isHealthy}. */
export interface LockHealthOptions {
  /**
   * When the check reports "down" if the store has not answered. Keep it below the timeout of the probe, which is 1 s in
   * Kubernetes.
   * @default '900ms'
   */
  timeout?: Duration;
  /** The name of the LockModule. @default the unnamed module */
  service?: string;
}

/**
 * Reports whether locks can be taken. Provide the class where `TerminusModule` is imported:
 *
 * ```ts
 * @Module({ imports: [TerminusModule], controllers: [HealthController], providers: [LockHealthIndicator] })
 *
 * @Get('ready')
 * @HealthCheck()
 * ready() {
 *   return this.health.check([() => this.locks.isHealthy('locks')]);
 * }
 * ```
 * Use it for readiness, and not for liveness: a restart of the process does not repair Redis.
 */
@Injectable()
export class LockHealthIndicator {
  readonly #logger = new Logger('LockHealthIndicator');
  /** The key of this process alone, so that the checks of several replicas do not wait for each other. */
  readonly #key = `nestjs-locked:health:${randomUUID()}`;
  /** By name of the module: the check that runs. Probes that come meanwhile get its outcome. */
  readonly #running = new Map<string | undefined, Promise<void>>();
  /** By name of the module: the code of the failure that was logged. Absent while the store is up. */
  readonly #logged = new Map<string | undefined, string>();
  readonly #health: HealthIndicatorService;
  readonly #modules: ModuleRef;

  /** @internal Made by Nest. */
  constructor(
    @Inject(HealthIndicatorService) health: HealthIndicatorService,
    @Inject(ModuleRef) modules: ModuleRef,
  ) {
    this.#health = health;
    this.#modules = modules;
  }

  /**
   * Takes a lock of this process and releases it. If that works, the result is "up", and `took` is the time that it took
   * in ms. Otherwise the result is "down" with the `code` of the error, such as `LOCK_STORE`. The message of the error
   * goes to Nest's log alone, because it may name the address of Redis.
   *
   * @param key names the result in the response of the health check.
   * @throws LockOptionsError for an invalid option.
   * @throws LockWiringError if there is no LockModule of this name.
   */
  async isHealthy<const Key extends string>(
    key: Key,
    options: LockHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const { timeout, service } = checked(options);
    const locks = this.#serviceOf(service);
    const begun = performance.now();
    try {
      await within(timeout, this.#check(service, locks));
    } catch (error) {
      this.#wentDown(service, error);
      return this.#health.check(key).down({ code: codeOf(error) });
    }
    this.#cameBack(service);
    return this.#health.check(key).up({ took: Math.round((performance.now() - begun) * 10) / 10 });
  }

  #check(name: string | undefined, locks: LockService): Promise<void> {
    let running = this.#running.get(name);
    if (running === undefined) {
      running = runOutside(() => locks.using(this.#key, CHECK, () => undefined)).finally(() =>
        this.#running.delete(name),
      );
      this.#running.set(name, running);
    }
    return running;
  }

  #serviceOf(name: string | undefined): LockService {
    try {
      return this.#modules.get(getLockServiceToken(name), { strict: false });
    } catch (cause) {
      const call = name === undefined ? 'LockModule.forRoot()' : `LockModule.forRoot({ name: '${name}' })`;
      throw new LockWiringError(
        `LockHealthIndicator has found no LockService. Import ${call} in the root module.`,
        { cause },
      );
    }
  }

  /** Logs an outage once, and not at each probe. */
  #wentDown(name: string | undefined, error: unknown): void {
    if (this.#logged.get(name) === codeOf(error)) return;
    this.#logged.set(name, codeOf(error));
    const message = printable(error instanceof Error ? error.message : String(error));
    this.#logger.warn(`${titleOf(name)} cannot take locks: ${message}`);
  }

  #cameBack(name: string | undefined): void {
    if (this.#logged.delete(name)) this.#logger.log(`${titleOf(name)} can take locks again.`);
  }
}

function checked(options: LockHealthOptions): { timeout: number; service: string | undefined } {
  checkObject('options', options);
  checkNames('', options, KNOWN);
  const { timeout, service } = options;
  if (service !== undefined && (typeof service !== 'string' || service === '')) {
    throw badOption('service', service, 'the name of a LockModule; leave it out for the unnamed one');
  }
  return {
    timeout: timeout === undefined ? DEFAULT_TIMEOUT : checkDuration('timeout', timeout, 1),
    service,
  };
}

/** @throws LockStoreError if `check` has not settled after `ms`. */
async function within(ms: number, check: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unanswered(ms)), ms);
    timer.unref();
  });
  try {
    await Promise.race([check, late]);
  } finally {
    clearTimeout(timer);
  }
}

function unanswered(ms: number): LockStoreError {
  return new LockStoreError(
    `The store has not answered the health check within ${ms} ms. Check the connection to Redis.`,
  );
}

function codeOf(error: unknown): string {
  return isLockError(error) ? error.code : 'UNKNOWN';
}

function titleOf(name: string | undefined): string {
  return name === undefined ? 'The LockModule' : `The LockModule "${name}"`;
}
