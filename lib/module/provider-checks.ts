/**
 * Injects lock services into instances with locked methods that a factory or a value provides. Nest injects nothing
 * into such instances.
 */
import type { ModulesContainer } from '@nestjs/core';
import { serviceProperties, serviceProperty } from '../locked/decoration/service-property.js';
import { LockWiringError } from '../errors/index.js';
import { getLockServiceToken } from '../lock.constants.js';
import { LOCK_MODULE_NAME, type ModuleName, title } from './lock-module.registry.js';

type Module = ModulesContainer extends Map<string, infer M> ? M : never;
type Provided = Module['providers'] extends Map<unknown, infer P> ? P : never;
type AnyFactory = (this: unknown, ...dependencies: unknown[]) => unknown;

/** For each instance and each property with a service: the provision of the application that has set the property. */
const provisions = new WeakMap<object, Map<symbol, LockProvision>>();

/**
 * Gives the instances of one application their services when the application starts. An instance that has a service
 * already keeps it.
 */
export class LockProvision {
  readonly #modules: ModulesContainer;
  /** The LockModule for each property from which locked methods read their service. */
  #lockModules = new Map<symbol, { readonly module: Module; readonly name: string | undefined }>();
  #ended = false;

  constructor(modules: ModulesContainer) {
    this.#modules = modules;
  }

  /**
   * Must be called when all providers exist.
   * @throws LockWiringError if no module provides the service of an instance, or if another application uses the
   * instance as well.
   */
  start(): void {
    const modules = [...this.#modules.values()];
    this.#lockModules = new Map(
      modules.flatMap((module) => {
        const own = module.providers.get(LOCK_MODULE_NAME)?.instance as ModuleName | undefined;
        const name = own ?? undefined;
        return own === undefined ? [] : [[serviceProperty(name), { module, name }] as const];
      }),
    );
    for (const module of modules) {
      for (const provided of [...module.controllers.values(), ...module.providers.values()]) {
        this.#serve(provided, module);
      }
    }
  }

  /** From now on another application may use the instances. */
  end(): void {
    this.#ended = true;
  }

  #serve(provided: Provided, module: Module): void {
    const { isTransient, inject, isAlias, token } = provided;
    if (!isTransient && provided.isDependencyTreeStatic()) return this.#give(provided.instance, module);
    for (const made of provided.getStaticTransientInstances()) this.#give(made?.instance, module);
    if (!Array.isArray(inject) || isAlias) return;
    if (typeof token === 'function') this.#check(token.prototype, token.name);
    const make = provided.metatype as AnyFactory;
    // An instance that the factory makes later, for an HTTP request or for another provider, gets its services at that
    // moment.
    provided.metatype = passing(make, (made) => {
      this.#give(made, module);
      return made;
    });
  }

  #give(instance: unknown, module: Module): void {
    if (typeof instance !== 'object' || instance === null) return;
    const missing = serviceProperties(instance).filter((property) => this.#isMissing(instance, property));
    if (missing.length === 0) return;
    this.#check(instance, instance.constructor.name);
    const properties = provisions.get(instance) ?? new Map<symbol, LockProvision>();
    provisions.set(instance, properties);
    for (const property of missing) {
      Reflect.set(instance, property, this.#serviceOf(property, module));
      properties.set(property, this);
    }
  }

  #isMissing(instance: object, property: symbol): boolean {
    const provision = provisions.get(instance)?.get(property);
    if (provision === undefined || provision === this) return Reflect.get(instance, property) === undefined;
    if (!provision.#ended) throw inTwoApplications(instance);
    return true;
  }

  /** Finds the service as Nest does: the provider of the instance's own module comes first. */
  #serviceOf(property: symbol, own: Module): unknown {
    const found = this.#lockModules.get(property);
    const token = getLockServiceToken(found?.name);
    return (own.providers.get(token) ?? found?.module.providers.get(token))?.instance;
  }

  /** The LockModules that there are, because a name may be misspelt. */
  #namesText(): string {
    const names = [...this.#lockModules.values()].map(({ name }) => title(name ?? null));
    return names.length === 0 ? '' : ` This application has ${names.join(', ')}.`;
  }

  /** @throws LockWiringError if no module provides a service of the instance. */
  #check(instance: unknown, name: string): void {
    if (typeof instance !== 'object' || instance === null) return;
    const missing = serviceProperties(instance).find((property) => !this.#lockModules.has(property));
    if (missing === undefined) return;
    throw new LockWiringError(
      `An instance of ${name} is provided by a factory or as a value, and has locked methods. ` +
        `It needs ${missing.description}.${this.#namesText()}`,
    );
  }
}

/** A factory that passes its result to `pass`, at once or when a promise resolves. The factory keeps its name. */
function passing(make: AnyFactory, pass: (made: unknown) => unknown): AnyFactory {
  const factory: AnyFactory = function (...dependencies) {
    const made = Reflect.apply(make, this, dependencies);
    return made instanceof Promise ? made.then(pass) : pass(made);
  };
  return Object.defineProperty(factory, 'name', { value: make.name, configurable: true });
}

function inTwoApplications({ constructor: { name } }: object): LockWiringError {
  return new LockWiringError(
    `One instance of ${name} is provided as a value in two applications of this process, and has locked methods. ` +
      'It could not be told which application its locks are of. Give each application an instance of its own, or close the first one before.',
  );
}
