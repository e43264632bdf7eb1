/** The LockModules of one application: no two of a name, and one that maps errors for all. */
import type { InjectionToken } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { otherCopies } from '../core/util/copies.js';
import { LockOptionsError } from '../errors/index.js';
import { THIS_COPY, getLockServiceToken } from '../lock.constants.js';
import type { ResolvedModuleOptions } from './resolve-module-options.js';
import { injects, type Module, type Provided, takenByType } from './injection-usage.js';

/** Internal tokens, the same in all LockModules, since none is exported; those of other copies of the package count too. */
export const LOCK_MODULE_NAME = Symbol.for('nestjs-locked: the name of the module');
export const RESOLVED_OPTIONS = Symbol.for('nestjs-locked: the options of the module');
/** Where the module's copy of the package is. */
export const COPY_PLACE = Symbol.for('nestjs-locked: the place of the copy');

/** A module's name; null for the unnamed one, since Nest takes undefined for "not resolved yet". */
export type ModuleName = string | null;

/**
 * Seen from one module. It checks into the application's own container, not into a register of the process: two
 * applications, or the same one built twice in tests, do not know of each other.
 */
export class LockModuleRegistry {
  readonly #container: ModulesContainer;
  readonly #tokens: ReadonlySet<InjectionToken>;
  readonly #own: Module | undefined;
  readonly #name: ModuleName;
  readonly #leader: { readonly name: ModuleName; options(): ResolvedModuleOptions | undefined };

  /** @throws LockOptionsError when there are two of a name. */
  constructor(container: ModulesContainer, name: ModuleName) {
    const modules = [...container.values()].filter((module) => module.providers.has(LOCK_MODULE_NAME));
    const names = modules.map((module) => module.providers.get(LOCK_MODULE_NAME)?.instance as ModuleName);
    for (const [index, each] of names.entries()) {
      if (names.indexOf(each) !== index) throw duplicate(each, placesOf(modules, names, each));
    }
    this.#name = name;
    this.#own = modules[names.indexOf(name)];
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
    const foreign = otherCopies(THIS_COPY).map(({ service }) => service as InjectionToken);
    return injects(this.#others(), new Set([...this.#tokens, ...foreign]));
  }

  /** As this module has it, or what a test has put in its place. */
  provided(token: InjectionToken): Provided | undefined {
    return this.#own?.providers.get(token);
  }

  /** The name of a class outside of these modules whose constructor declares the token as a type. */
  classInjectedWith(token: InjectionToken): string | undefined {
    return takenByType(this.#others(), token);
  }

  #others(): Module[] {
    return [...this.#container.values()].filter((module) => !module.providers.has(LOCK_MODULE_NAME));
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

/** The different places of the copies that the modules of a name are of. */
function placesOf(modules: readonly Module[], names: readonly ModuleName[], name: ModuleName): string[] {
  const ofName = modules.filter((_, i) => names[i] === name);
  return [...new Set(ofName.map(({ providers }) => String(providers.get(COPY_PLACE)?.instance)))];
}

function duplicate(name: ModuleName, places: readonly string[]): LockOptionsError {
  const copies =
    places.length > 1 ? ` They are of two copies of nestjs-locked: at ${places.join(' and at ')}.` : '';
  return new LockOptionsError(
    'name',
    name ?? undefined,
    `There are two LockModules ${name === null ? 'without a name' : `with the name "${name}"`} in this application.${copies} ` +
      'Import LockModule.forRoot() once, in the root module: it is global. For a second set of locks, give it a name of ' +
      `its own, forRoot({ name: 'billing' }), and inject it by @InjectLockService('billing').`,
  );
}

function title(name: ModuleName): string {
  return name === null ? 'the unnamed LockModule' : `the LockModule "${name}"`;
}
