/** The copies of this package in one process: ESM beside CommonJS, or several versions in one application. */

/** One loaded copy. */
export interface PackageCopy {
  /** Its class `LockService`, which is the token of the unnamed module. */
  readonly service: object;
  /** The directory that it was loaded from. */
  readonly at: string;
}

const COPIES = Symbol.for('nestjs-locked.copies');

/** @returns the copy itself: each copy calls this once, when it is loaded. */
export function registerCopy(service: object): PackageCopy {
  const copy: PackageCopy = Object.freeze({ service, at: directory() });
  const registry = globalThis as { [COPIES]?: PackageCopy[] };
  (registry[COPIES] ??= []).push(copy);
  return copy;
}

/** The copies that are loaded by now, besides the given one. */
export function otherCopies(own: PackageCopy): PackageCopy[] {
  const all = (globalThis as { [COPIES]?: PackageCopy[] })[COPIES] ?? [];
  return all.filter((each) => each !== own);
}

/** Of this file, without what all copies have in common. Bundled, it is the bundle. */
function directory(): string {
  const site: { stack?: string } = {};
  Error.captureStackTrace(site, directory);
  const frame = String(site.stack)
    .split('\n')
    .find((each) => /:\d+:\d+\)?$/.test(each));
  const file = /(?:file:\/\/)?((?:\/|[A-Za-z]:[\\/]).*):\d+:\d+\)?$/.exec(frame ?? '')?.[1];
  return file?.replace(/[\\/]core[\\/]copies\.[cm]?[jt]s$/, '') ?? 'an unknown place';
}
