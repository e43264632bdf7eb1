/** The names of the parameters that a handler's routes have. */

/** Of Nest's `@Get()` and `@Controller()`. */
const PATH = 'path';

/** Of path-to-regexp and find-my-way: what stands for parameters whose names are not written there. */
const NAMELESS = /[("]|\*(?![\p{ID_Start}$_])/u;
const NAMED = /[:*]([\p{ID_Start}$_][\p{ID_Continue}$]*)/gu;

export interface RouteParameters {
  readonly names: ReadonlySet<string>;
  /** Are these all? */
  readonly complete: boolean;
}

/**
 * Undefined where it has no route.
 * @param outer what stands before the path of the controller: paths of modules, a global prefix.
 */
export function routeParameters(
  host: object,
  handler: object,
  prefixes: readonly string[] = [],
): RouteParameters | undefined {
  const own: unknown = Reflect.getMetadata(PATH, handler);
  if (own === undefined) return undefined;
  const paths = [...prefixes, ...pathsOf(Reflect.getMetadata(PATH, host)), ...pathsOf(own)];
  return {
    names: new Set(paths.flatMap((path) => [...path.matchAll(NAMED)].map(([, name]) => name))),
    complete: !paths.some((path) => NAMELESS.test(path)),
  };
}

function pathsOf(path: unknown): string[] {
  return (Array.isArray(path) ? path : [path]).filter((each) => typeof each === 'string');
}
