/** What the garbage collector leaves alive, for tests of objects that must not be kept. */
import v8 from 'node:v8';
import vm from 'node:vm';

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc') as () => void;

/** Collects unreferenced objects, after the ready jobs. */
export async function collect(): Promise<void> {
  for (let i = 0; i < 3; i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
}

/** The used heap, in bytes. */
export async function heap(): Promise<number> {
  await collect();
  return process.memoryUsage().heapUsed;
}

/** Objects that are observed without a strong reference. */
export class Remains {
  readonly #refs: Array<WeakRef<object>> = [];

  add(object: object): void {
    this.#refs.push(new WeakRef(object));
  }

  /** How many of the objects are still alive. */
  async count(): Promise<number> {
    await collect();
    return this.#refs.filter((ref) => ref.deref() !== undefined).length;
  }
}
