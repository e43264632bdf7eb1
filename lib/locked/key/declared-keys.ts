/** The keys of decorated methods, recorded at decoration and checked when the application starts. */
import type { KeyTemplate } from '../../core/keys/key-template.js';

export interface DeclaredKey {
  readonly prototype: object;
  readonly method: string | symbol;
  /** `Orders.pay`, for messages. */
  readonly label: string;
  readonly templates: readonly KeyTemplate[];
  readonly body: (...args: never[]) => unknown;
}

const DECLARED = Symbol.for('nestjs-locked.keys');

/** Records the templates of a method. A key that is a function has no templates, so nothing can be checked. */
export function declareKeys(
  prototype: object,
  method: string | symbol,
  label: string,
  templates: readonly KeyTemplate[],
  body: (...args: never[]) => unknown,
): void {
  if (templates.length === 0) return;
  const declared: DeclaredKey = { prototype, method, label, templates, body };
  Reflect.defineMetadata(DECLARED, [...all(prototype), declared], prototype);
}

/**
 * The keys of the methods that instances have. A subclass may have overridden a decorated method. The key of that
 * method is left out.
 */
export function declaredKeys(prototype: object): DeclaredKey[] {
  return all(prototype).filter((each) => methodOwner(prototype, each.method) === each.prototype);
}

function all(prototype: object): readonly DeclaredKey[] {
  const declared: unknown = Reflect.getMetadata(DECLARED, prototype);
  return Array.isArray(declared) ? (declared as DeclaredKey[]) : [];
}

/** The prototype that has the method itself: the class or its nearest ancestor. */
export function methodOwner(prototype: object, method: string | symbol): object | null {
  let owner: object | null = prototype;
  while (owner !== null && !Object.hasOwn(owner, method)) {
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  return owner;
}
