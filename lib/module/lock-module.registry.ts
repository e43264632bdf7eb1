/** The LockModules of one application. No two have one name, and one of them maps the errors for all. */
import type { InjectionToken } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { otherCopies } from '../core/util/copies.js';
import { LockOptionsError } from '../errors/index.js';
import { THIS_COPY, getLockServiceToken } from '../lock.constants.js';
import type { ResolvedModuleOptions } from './resolve-module-options.js';
import { injects, type Module, type Provided, takenByType } from './injection-usage.js';

/**
 * Internal tokens. They are equal in all LockModules, because no module exports them. They are also equal in other
 * copies of the package, so that the modules of those copies are found.
 */
export const LOCK_MODULE_NAME = Symbol.for('nestjs-locked: the name of the module');
export const RESOLVED_OPTIONS = Symbol.for('nestjs-locked: the options of the module');
/** The directory of the copy of the package that the module belongs to. */
export const COPY_PLACE = Symbol.for('nestjs-locked: the place of the copy');

/** A module's name, and null for the unnamed module, because Nest reads undefined as "not resolved yet". */
export type ModuleName = string | null;

/**
 * The LockModules of the application that one module belongs to. They are read from the application's own container,
 * not from a global list. So two applications in one process do not see each other, and a test may build one
 * application twice.
 */
export class LockModuleRegistry {
  readonly #container: ModulesContainer;
  readonly #tokens: ReadonlySet<InjectionToken>;
  readonly #own: Module | undefined;
  readonly #name: ModuleName;
  readonly #leader: { readonly name: ModuleName; options(): ResolvedModuleOptions | undefined };

  /** @throws LockOptionsError if two modules have one name. */
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
        modules.at(first)?.providers.get(RESOLVED_OPTIONS)?.instance as ResolvedModuleOptions | undefined,
    };
  }

  /**
   * Whether this module's interceptor maps the errors of the application. This is the unnamed module, or the first one
   * if all modules have names.
   */
  get mapsErrors(): boolean {
    return this.#name === this.#leader.name;
  }

  /**
   * Whether a class or a factory outside of the LockModules has one of their services injected. Each read searches the
   * application again.
   */
  get used(): boolean {
    const foreign = otherCopies(THIS_COPY).map(({ service }) => service as InjectionToken);
    return injects(this.#others(), new Set([...this.#tokens, ...foreign]));
  }

  /** The provider of a token in this module, or the provider that a test has put in its place. */
  provided(token: InjectionToken): Provided | undefined {
    return this.#own?.providers.get(token);
  }

  /**
   * The name of the first class outside of the LockModules that declares the token as a type of a constructor
   * parameter.
   */
  classInjectedWith(token: InjectionToken): string | undefined {
    return takenByType(this.#others(), token);
  }

  #others(): Module[] {
    return [...this.#container.values()].filter((module) => !module.providers.has(LOCK_MODULE_NAME));
  }

  /** Whether the errors of the application are mapped. The value is final when all modules have their options. */
  get errorsAreMapped(): boolean {
    return this.#leader.options()?.mapErrors ?? true;
  }

  /**
   * The options of the module that maps the errors of the application. Undefined until the module has them, and without
   * a LockModule.
   */
  get mappingOptions(): ResolvedModuleOptions | undefined {
    return this.#leader.options();
  }

  /**
   * Must be called when all modules have their options.
   * @throws LockOptionsError if this module sets an option of the one interceptor, but the interceptor is another
   * module's, with a different value. The option would be ignored.
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

/** The directories of the copies of the package that the modules with this name come from, without duplicates. */
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

/** What messages call a module. */
export function title(name: ModuleName): string {
  return name === null ? 'the unnamed LockModule' : `the LockModule "${name}"`;
}
