/** Instances with locked methods that a factory or a value provides: Nest injects nothing into them, so it is done here. */
import type { ModulesContainer } from '@nestjs/core';
import { serviceProperties, serviceProperty } from '../locked/decoration/service-property.js';
import { LockWiringError } from '../errors/index.js';
import { getLockServiceToken } from '../lock.constants.js';
import { LOCK_MODULE_NAME, type ModuleName } from './lock-module.registry.js';

type Module = ModulesContainer extends Map<string, infer M> ? M : never;
type Provided = Module['providers'] extends Map<unknown, infer P> ? P : never;
type AnyFactory = (this: unknown, ...dependencies: unknown[]) => unknown;

/** Which application has given an instance which of its services. */
const given = new WeakMap<object, Map<symbol, LockProvision>>();

/** Gives the instances of one application their services when it starts. What has one already keeps it. */
export class LockProvision {
  readonly #modules: ModulesContainer;
  /** The module of each property that locked methods read. */
  #lockModules = new Map<symbol, { readonly module: Module; readonly name: string | undefined }>();
  #ended = false;

  constructor(modules: ModulesContainer) {
    this.#modules = modules;
  }

  /**
   * To be called once all providers are there.
   * @throws LockWiringError for an instance whose service is missing, or that another application uses as well.
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

  /** Another application may have the instances from now on. */
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
    // What the factory makes later, for a request or for another that requests it, is served as it is made.
    provided.metatype = named(make, (made) => {
      this.#give(made, module);
      return made;
    });
  }

  #give(instance: unknown, module: Module): void {
    if (typeof instance !== 'object' || instance === null) return;
    const missing = serviceProperties(instance).filter((property) => this.#isMissing(instance, property));
    if (missing.length === 0) return;
    this.#check(instance, instance.constructor.name);
    const properties = given.get(instance) ?? new Map<symbol, LockProvision>();
    given.set(instance, properties);
    for (const property of missing) {
      Reflect.set(instance, property, this.#serviceOf(property, module));
      properties.set(property, this);
    }
  }

  #isMissing(instance: object, property: symbol): boolean {
    const giver = given.get(instance)?.get(property);
    if (giver === undefined || giver === this) return Reflect.get(instance, property) === undefined;
    if (!giver.#ended) throw shared(instance);
    return true;
  }

  /** As Nest would: the provider of the instance's own module comes first. */
  #serviceOf(property: symbol, own: Module): unknown {
    const found = this.#lockModules.get(property);
    const token = getLockServiceToken(found?.name);
    return (own.providers.get(token) ?? found?.module.providers.get(token))?.instance;
  }

  /** @throws LockWiringError for the first service that no module provides. */
  #check(instance: unknown, name: string): void {
    if (typeof instance !== 'object' || instance === null) return;
    const missing = serviceProperties(instance).find((property) => !this.#lockModules.has(property));
    if (missing === undefined) return;
    throw new LockWiringError(
      `An instance of ${name} is provided by a factory or as a value, and has locked methods. ` +
        `It needs ${missing.description}.`,
    );
  }
}

/** A factory that hands on what it made, at once or as a promise. */
function named(make: AnyFactory, handOn: (made: unknown) => unknown): AnyFactory {
  const factory: AnyFactory = function (...dependencies) {
    const made = Reflect.apply(make, this, dependencies);
    return made instanceof Promise ? made.then(handOn) : handOn(made);
  };
  return Object.defineProperty(factory, 'name', { value: make.name, configurable: true });
}

function shared({ constructor: { name } }: object): LockWiringError {
  return new LockWiringError(
    `One instance of ${name} is provided as a value in two applications of this process, and has locked methods. ` +
      'Its locks would be those of either. Give each application an instance of its own, or close the first one before.',
  );
}
