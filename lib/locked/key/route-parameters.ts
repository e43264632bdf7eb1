/** The names of the parameters in the routes of a handler. */

/** The metadata key of Nest's `@Get()` and `@Controller()`. */
const PATH = 'path';

/** The syntax of path-to-regexp and find-my-way for parameters without a plain name. */
const NAMELESS = /[("]|\*(?![\p{ID_Start}$_])/u;
const NAMED = /[:*]([\p{ID_Start}$_][\p{ID_Continue}$]*)/gu;

export interface RouteParameters {
  readonly names: ReadonlySet<string>;
  /** Whether `names` has all parameters. */
  readonly complete: boolean;
}

/**
 * Undefined if the handler has no route.
 * @param prefixes the paths that may precede the path of the controller: paths of modules and a global prefix.
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
