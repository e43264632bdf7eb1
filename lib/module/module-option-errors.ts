/** The errors for options of a module that are missing or stand in the wrong place. */
import { show } from '../core/options/option-checks.js';
import { LockOptionsError } from '../errors/index.js';
import { DEFAULT_REDIS_URL } from '../lock.constants.js';

/** An unset environment variable must not move the locks of one process to localhost. */
export function unsetRedis(): LockOptionsError {
  return new LockOptionsError(
    'redis',
    undefined,
    'The lock option "redis" is given as undefined, as by an unset variable of the environment. The locks would be on ' +
      `${DEFAULT_REDIS_URL}. Set the variable, give another value in its place, or leave the option out for the default.`,
  );
}

export function notOptions(value: unknown): LockOptionsError {
  return new LockOptionsError(
    'options',
    value,
    `The options of LockModule are ${show(value)}; they must be an object. With forRootAsync(), the factory must return it.`,
  );
}

export function innerOption(name: string, outer: string): LockOptionsError {
  return new LockOptionsError(
    name,
    undefined,
    `There is no lock option "${name}" of the module itself. Did you mean "${outer}.${name}"? Write ${outer}: { ${name}: … }.`,
  );
}

export function misplacedExtra(name: string, value: unknown): LockOptionsError {
  return new LockOptionsError(
    name,
    value,
    `The lock option "${name}" comes too late if a factory returns it. Give it to LockModule.forRootAsync() itself, beside the factory.`,
  );
}
