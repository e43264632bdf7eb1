/** The copies of this package in one process: ESM beside CommonJS, or several versions in one application. */

/** One loaded copy. */
export interface PackageCopy {
  /** The `LockService` class of this copy, which is the injection token of the unnamed module. */
  readonly service: object;
  /** The directory that the copy was loaded from. */
  readonly at: string;
}

const COPIES = Symbol.for('nestjs-locked.copies');

/** Each copy calls this once, when it is loaded. @returns the copy. */
export function registerCopy(service: object): PackageCopy {
  const site: { readonly stack?: string } = {};
  Error.captureStackTrace(site, registerCopy);
  let at: string | undefined;
  const copy = {
    service,
    // Only a message reads the place, and a stack takes a millisecond to become text.
    get at(): string {
      return (at ??= directoryOf(String(site.stack)));
    },
  };
  const registry = globalThis as { [COPIES]?: PackageCopy[] };
  (registry[COPIES] ??= []).push(Object.freeze(copy));
  return copy;
}

/** The copies that are loaded by now, except the given one. */
export function otherCopies(own: PackageCopy): PackageCopy[] {
  const all = (globalThis as { [COPIES]?: PackageCopy[] })[COPIES] ?? [];
  return all.filter((each) => each !== own);
}

/** The folder of the caller's file, without the part that all copies have in common. In a bundle, the path of the bundle. */
function directoryOf(stack: string): string {
  const frame = stack.split('\n').find((each) => /:\d+:\d+\)?$/.test(each));
  const file = /(?:file:\/\/)?((?:\/|[A-Za-z]:[\\/]).*):\d+:\d+\)?$/.exec(frame ?? '')?.[1];
  return file?.replace(/[\\/]lock\.constants\.[cm]?[jt]s$/, '') ?? 'an unknown place';
}
