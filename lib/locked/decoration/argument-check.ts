/**
 * Checks at decoration that the method has the arguments that its key names. The compiler checks literal keys only.
 * Without this check, a wrong number in any other key causes a 500 at the first call, and not an error at start-up. The
 * check takes less than 10 µs for each method, once.
 */
import type { KeyTemplate } from '../../core/keys/key-template.js';
import { LockKeyError, quoted } from '../../errors/index.js';

/**
 * A method with a rest parameter or `arguments` may have more arguments than parameters. The compiler's metadata does
 * not show either of them, so the source text is searched. A match only disables the check.
 */
const OPEN_ENDED = /\.\.\.|\barguments\b/;

/**
 * @param parameterTypes what the compiler emits with `emitDecoratorMetadata`. If it is missing, nothing is checked: the
 * `length` of a function does not count parameters with a default value.
 * @throws LockKeyError for the first placeholder that names an argument that the method does not have.
 */
export function checkArguments(
  templates: readonly KeyTemplate[],
  body: (...args: never[]) => unknown,
  parameterTypes: unknown,
  label: string,
): void {
  if (!Array.isArray(parameterTypes) || OPEN_ENDED.test(Function.prototype.toString.call(body))) return;
  const count = parameterTypes.length;
  for (const { source, parts } of templates) {
    for (const part of parts) {
      if (typeof part === 'string' || typeof part.root !== 'number' || part.root < count) continue;
      throw new LockKeyError(
        source,
        `The lock key ${quoted(source)} of ${label} names ${part.source}, and the method has ${describeParameters(count)}. ` +
          'Arguments count from 0: name one that the method has.',
      );
    }
  }
}

function describeParameters(count: number): string {
  if (count === 0) return 'no parameters';
  return count === 1 ? 'one parameter, {0}' : `${count} parameters, {0} to {${count - 1}}`;
}
