/** How each `@Locked` of a class answers, recorded at decoration for the OpenAPI document. */
import type { KeyTemplate } from '../../core/keys/key-template.js';
import { methodOwner } from '../key/declared-keys.js';
import type { ResolvedLockedOptions } from '../locked.options.js';

export interface DeclaredAnswers {
  readonly prototype: object;
  readonly method: string | symbol;
  /** Empty if the key is a function. */
  readonly templates: readonly KeyTemplate[];
  /** Whether a busy lock is answered by an error. */
  readonly refusesBusy: boolean;
  /** The status of that error. Undefined for the status of the module. */
  readonly busyStatus: number | undefined;
}

const DECLARED = Symbol.for('nestjs-locked.answers');

export function declareAnswers(
  prototype: object,
  method: string | symbol,
  templates: readonly KeyTemplate[],
  { onBusy, busyStatus }: ResolvedLockedOptions,
): void {
  const declared: DeclaredAnswers = {
    prototype,
    method,
    templates,
    refusesBusy: onBusy === 'throw',
    busyStatus,
  };
  Reflect.defineMetadata(DECLARED, [...all(prototype), declared], prototype);
}

/** The answers of one method, one for each of its `@Locked`. Empty if a subclass has overridden the method. */
export function declaredAnswers(prototype: object, method: string | symbol): DeclaredAnswers[] {
  const owner = methodOwner(prototype, method);
  return all(prototype).filter((each) => each.method === method && each.prototype === owner);
}

function all(prototype: object): readonly DeclaredAnswers[] {
  const declared: unknown = Reflect.getMetadata(DECLARED, prototype);
  return Array.isArray(declared) ? (declared as DeclaredAnswers[]) : [];
}
