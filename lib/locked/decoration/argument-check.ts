/** At decoration: does the method have the arguments that its key names? The compiler sees it in literal keys only. */
import type { KeyTemplate } from '../../core/keys/key-template.js';
import { LockKeyError, quoted } from '../../errors/index.js';

/** Where these occur, a method may have more arguments than parameters. */
const OPEN_ENDED = /\.\.\.|\barguments\b/;

/**
 * @param parameterTypes what the compiler emits with `emitDecoratorMetadata`; nothing is checked without it, as a
 * function's own `length` leaves out parameters with a default.
 * @throws LockKeyError
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
        `The lock key ${quoted(source)} of ${label} names ${part.source}, and the method has ${told(count)}. ` +
          'Arguments count from 0: name one that is there.',
      );
    }
  }
}

function told(count: number): string {
  if (count === 0) return 'no parameters';
  return count === 1 ? 'one parameter, {0}' : `${count} parameters, {0} to {${count - 1}}`;
}
