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
  const copy: PackageCopy = Object.freeze({ service, at: directory() });
  const registry = globalThis as { [COPIES]?: PackageCopy[] };
  (registry[COPIES] ??= []).push(copy);
  return copy;
}

/** The copies that are loaded by now, except the given one. */
export function otherCopies(own: PackageCopy): PackageCopy[] {
  const all = (globalThis as { [COPIES]?: PackageCopy[] })[COPIES] ?? [];
  return all.filter((each) => each !== own);
}

/** The path of this file, without the part that all copies have in common. In a bundle, the path of the bundle. */
function directory(): string {
  const site: { stack?: string } = {};
  Error.captureStackTrace(site, directory);
  const frame = String(site.stack)
    .split('\n')
    .find((each) => /:\d+:\d+\)?$/.test(each));
  const file = /(?:file:\/\/)?((?:\/|[A-Za-z]:[\\/]).*):\d+:\d+\)?$/.exec(frame ?? '')?.[1];
  return file?.replace(/[\\/]core[\\/]util[\\/]copies\.[cm]?[jt]s$/, '') ?? 'an unknown place';
}
