/** The LockModules of one application: no two of a name, and one that maps errors for all. */
import type { InjectionToken } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { LockOptionsError } from './errors/index.js';
import { getLockServiceToken } from './lock.constants.js';
import type { ResolvedModuleOptions } from './lock.module-options.js';
import { asksFor } from './lock.usage.js';

/** Internal tokens, the same in all LockModules, since none is exported. */
export const LOCK_MODULE_NAME = Symbol('nestjs-locked: the name of the module');
export const RESOLVED_OPTIONS = Symbol('nestjs-locked: the options of the module');

/** A module's name; null for the unnamed one, since Nest takes undefined for "not resolved yet". */
export type ModuleName = string | null;

/**
 * Seen from one module. It looks into the application's own container, not into a register of the process: two
 * applications, or the same one built twice in tests, do not know of each other.
 */
export class LockSiblings {
  readonly #container: ModulesContainer;
  readonly #tokens: ReadonlySet<InjectionToken>;
  readonly #name: ModuleName;
  readonly #leader: { readonly name: ModuleName; options(): ResolvedModuleOptions | undefined };

  /** @throws LockOptionsError when there are two of a name. */
  constructor(container: ModulesContainer, name: ModuleName) {
    const modules = [...container.values()].filter((module) => module.providers.has(LOCK_MODULE_NAME));
    const names = modules.map((module) => module.providers.get(LOCK_MODULE_NAME)?.instance as ModuleName);
    for (const [index, each] of names.entries()) {
      if (names.indexOf(each) !== index) throw duplicate(each);
    }
    this.#name = name;
    this.#container = container;
    this.#tokens = new Set(names.map((each) => getLockServiceToken(each ?? undefined)));
    const first = Math.max(0, names.indexOf(null));
    this.#leader = {
      name: names[first],
      options: () =>
        modules[first].providers.get(RESOLVED_OPTIONS)?.instance as ResolvedModuleOptions | undefined,
    };
  }

  /** Does this module's interceptor map the errors of the application? The unnamed one's does, else the first one's. */
  get mapsErrors(): boolean {
    return this.#name === this.#leader.name;
  }

  /** Does anything else in the application have one of their services injected? Looked up anew each time. */
  get used(): boolean {
    const others = [...this.#container.values()].filter((module) => !module.providers.has(LOCK_MODULE_NAME));
    return asksFor(others, this.#tokens);
  }

  /** Are the errors of the application mapped? Known when all modules have their options. */
  get errorsAreMapped(): boolean {
    return this.#leader.options()?.mapErrors ?? true;
  }

  /**
   * To be called when all modules have their options.
   * @throws LockOptionsError for an option of the one interceptor that this module gives, and that would be ignored.
   */
  checkMapping(options: ResolvedModuleOptions): void {
    const leading = this.#leader.options();
    if (this.mapsErrors || leading === undefined) return;
    const differing =
      options.busyStatus !== leading.busyStatus
        ? 'http.busyStatus'
        : options.mapErrors !== leading.mapErrors
          ? 'mapErrors'
          : undefined;
    if (differing === undefined || !options.mappingGiven.includes(differing)) return;
    throw new LockOptionsError(
      differing,
      differing === 'mapErrors' ? options.mapErrors : options.busyStatus,
      `The lock option "${differing}" of ${title(this.#name)} would have no effect: one interceptor maps the lock errors of ` +
        `an application, with the options of ${title(this.#leader.name)}. Give it there, or give "busyStatus" to @Locked.`,
    );
  }
}

function duplicate(name: ModuleName): LockOptionsError {
  return new LockOptionsError(
    'name',
    name ?? undefined,
    `There are two LockModules ${name === null ? 'without a name' : `with the name "${name}"`} in this application. ` +
      'Import LockModule.forRoot() once, in the root module: it is global. For a second set of locks, give it a name of ' +
      `its own, forRoot({ name: 'billing' }), and inject it by @InjectLockService('billing').`,
  );
}

function title(name: ModuleName): string {
  return name === null ? 'the unnamed LockModule' : `the LockModule "${name}"`;
}
