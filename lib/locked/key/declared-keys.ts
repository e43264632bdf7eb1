/** The keys of decorated methods, noted for the checks of the application's start. */
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

/** Keys of functions say nothing that could be checked. */
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

/** Of the methods that instances have: a subclass may have put its own in the place of one. */
export function declaredKeys(prototype: object): DeclaredKey[] {
  return all(prototype).filter((each) => ownerOf(prototype, each.method) === each.prototype);
}

function all(prototype: object): readonly DeclaredKey[] {
  const declared: unknown = Reflect.getMetadata(DECLARED, prototype);
  return Array.isArray(declared) ? (declared as DeclaredKey[]) : [];
}

function ownerOf(prototype: object, method: string | symbol): object | null {
  let owner: object | null = prototype;
  while (owner !== null && !Object.hasOwn(owner, method)) {
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  return owner;
}
