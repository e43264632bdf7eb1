/** The hidden property by which Nest injects the LockService into instances with locked methods. */
import { Inject } from '@nestjs/common';
import { LockWiringError } from '../../errors/index.js';
import { getLockServiceToken } from '../../lock.constants.js';
import type { LockService } from '../../lock.service.js';

const PROPERTIES = Symbol.for('nestjs-locked.service-properties');

/**
 * The property for the service of a module. It is a symbol, so it overwrites no property of the class. The symbol is
 * registered, so that two builds of this package use the same one. If there is no LockModule, Nest quotes the
 * description of the symbol in its error.
 */
export function serviceProperty(name: string | undefined): symbol {
  return Symbol.for(
    name === undefined
      ? 'the LockService of @Locked: import LockModule.forRoot() in the root module'
      : `the LockService of @Locked({ service: '${name}' }): import LockModule.forRoot({ name: '${name}' }) in the root module`,
  );
}

/** Makes Nest inject the service into the instances of a class and of its subclasses. */
export function declareService(prototype: object, name: string | undefined): symbol {
  const property = serviceProperty(name);
  Inject(getLockServiceToken(name))(prototype, property);
  if (!Object.hasOwn(prototype, property)) hideProperty(prototype, property);
  const known = serviceProperties(prototype);
  if (!known.includes(property)) Reflect.defineMetadata(PROPERTIES, [...known, property], prototype);
  return property;
}

/** The service properties that the locked methods of an instance, or of a prototype, read. */
export function serviceProperties(instance: object): readonly symbol[] {
  const known: unknown = Reflect.getMetadata(PROPERTIES, instance);
  return Array.isArray(known) ? (known as symbol[]) : [];
}

/** @throws LockWiringError if no service was injected: the method must not run without its lock. */
export function serviceOf(self: unknown, property: symbol, label: string): LockService {
  if (typeof self !== 'object' || self === null) {
    throw new LockWiringError(
      `${label} is @Locked and was called without its instance, so it has no LockService. ` +
        'Call it as a method, or bind it. Nothing was run.',
    );
  }
  const service = (self as Record<symbol, unknown>)[property];
  if (typeof (service as Partial<LockService> | undefined)?.using !== 'function') {
    throw new LockWiringError(
      `${label} is @Locked, and this instance has no LockService: Nest did not make it, or has not finished. ` +
        'Let Nest make it, or provide it as a value or by a factory. If your own code makes it, give it one by ' +
        `attachLockService(instance, lockService) from 'nestjs-locked'; in a unit test, by provideLocks(instance) from ` +
        `'nestjs-locked/testing'. Nothing was run.`,
    );
  }
  return service as LockService;
}

/**
 * Makes the property not enumerable, so that it does not appear when an instance is printed or compared. For a frozen
 * instance the value is kept in a WeakMap.
 */
function hideProperty(prototype: object, property: symbol): void {
  const ofFrozen = new WeakMap<object, unknown>();
  Object.defineProperty(prototype, property, {
    configurable: true,
    get(this: object) {
      return ofFrozen.get(this);
    },
    set(this: object, value: unknown) {
      if (!Object.isExtensible(this)) ofFrozen.set(this, value);
      else
        Object.defineProperty(this, property, {
          value,
          configurable: true,
          writable: true,
          enumerable: false,
        });
    },
  });
}
