/** Checks the dashboard's options, and fills in the defaults. */
import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import { badOption, checkDuration, checkNames, checkObject } from '../core/options/option-checks.js';
import { LockOptionsError } from '../errors/index.js';
import type { LockDashboardOptions, ReleasePermission } from './dashboard.options.js';
import { AuthorizeGuard, KnownHostGuard, PasswordGuard } from './http/protection.guards.js';

export interface ResolvedDashboardOptions {
  /** Without slashes at both ends. Empty for the root. */
  readonly path: string;
  readonly guards: ReadonlyArray<Type<CanActivate> | CanActivate>;
  /** Whether the browser sends the name of a user with the password. */
  readonly basic: boolean;
  readonly release: boolean | ReleasePermission;
  /** In ms. */
  readonly refresh: number;
  readonly origins: ReadonlySet<string>;
  readonly decorators: readonly ClassDecorator[];
  readonly services: readonly string[];
  readonly traceUrl: string | undefined;
  readonly imports: ModuleMetadata['imports'];
}

const PROTECTIONS = ['guards', 'authorize', 'password', 'unprotected'] as const;
const OPTIONS: ReadonlySet<string> = new Set<keyof LockDashboardOptions>([
  ...PROTECTIONS,
  ...(['path', 'release', 'refresh', 'origins', 'decorators', 'services', 'traceUrl', 'imports'] as const),
]);
const DEFAULT_PATH = 'locks';
const DEFAULT_REFRESH = 1_000;
const LEAST_REFRESH = 100;

/** @throws LockOptionsError */
export function resolveDashboardOptions(options: LockDashboardOptions): ResolvedDashboardOptions {
  checkObject('dashboard', options);
  checkNames('dashboard', options, OPTIONS);
  const { path, release, refresh, origins, decorators, services, traceUrl, imports } = options;
  const ownOrigins = new Set(checkList('origins', origins, 'origins').map(checkOrigin));
  return Object.freeze({
    path: path === undefined ? DEFAULT_PATH : checkPath(path),
    guards: protectionOf(options, ownOrigins),
    basic: options.password !== undefined,
    release: checkRelease(release),
    refresh:
      refresh === undefined ? DEFAULT_REFRESH : checkDuration('dashboard.refresh', refresh, LEAST_REFRESH),
    origins: ownOrigins,
    decorators: checkList('decorators', decorators, 'decorators of a class').map((each) =>
      check('decorators', each, typeof each === 'function', 'a list of decorators of a class'),
    ),
    services: [...new Set(checkList('services', services, 'names of lock modules'))].map((name) =>
      check('services', name, typeof name === 'string' && name !== '', 'a list of names of lock modules'),
    ),
    traceUrl: traceUrl === undefined ? undefined : checkTraceUrl(traceUrl),
    imports: checkList('imports', imports, 'modules'),
  });
}

/** The guards of the one protection that is chosen. */
function protectionOf(
  options: LockDashboardOptions,
  origins: ReadonlySet<string>,
): ResolvedDashboardOptions['guards'] {
  const chosen = PROTECTIONS.filter((name) => options[name] !== undefined);
  if (chosen.length !== 1) {
    const found =
      chosen.length === 0 ? 'no protection' : `${chosen.length} protections: ${chosen.join(', ')}`;
    throw new LockOptionsError(
      'dashboard',
      undefined,
      `The lock dashboard has ${found}. Give exactly one of guards, authorize, password and unprotected: true to ` +
        'LockDashboardModule.forRoot(). A value that is undefined, such as a missing environment variable, does not count.',
    );
  }
  const { guards, authorize, password, unprotected } = options;
  if (guards !== undefined) {
    const right = 'a list of at least one guard';
    check('guards', guards, Array.isArray(guards) && guards.length > 0, right);
    return guards.map((guard) => check('guards', guard, isGuard(guard), right));
  }
  if (authorize !== undefined) {
    check('authorize', authorize, typeof authorize === 'function', 'a function of the execution context');
    return [new AuthorizeGuard(authorize)];
  }
  if (password !== undefined) {
    const valid = typeof password === 'string' && password.trim() !== '';
    return [new PasswordGuard(check('password', password, valid, 'a string that is not empty'))];
  }
  check('unprotected', unprotected, unprotected === true, 'true, or left out for another protection');
  return [new KnownHostGuard(origins)];
}

function isGuard(guard: unknown): boolean {
  if (typeof guard === 'function') return true;
  return typeof (guard as Partial<CanActivate> | null)?.canActivate === 'function';
}

function check<T>(name: string, value: T, valid: boolean, right: string): T {
  if (!valid) throw badOption(`dashboard.${name}`, value, right);
  return value;
}

function checkList<T>(name: string, list: readonly T[] | undefined, of: string): T[] {
  if (list === undefined) return [];
  check(name, list, Array.isArray(list), `a list of ${of}`);
  return [...list];
}

/** Plain characters only, because routers read some others as patterns. */
function checkPath(path: string): string {
  const valid = typeof path === 'string' && /^\/?([\w.~-]+(\/[\w.~-]+)*)?\/?$/.test(path);
  check('path', path, valid, "a path of letters, digits, '.', '-', '_' and '~', such as 'ops/locks'");
  return path.replace(/^\/|\/$/g, '');
}

function checkRelease(release: LockDashboardOptions['release']): boolean | ReleasePermission {
  if (release === undefined) return false;
  const valid = typeof release === 'boolean' || typeof release === 'function';
  return check('release', release, valid, 'true, false, or a function of the execution context');
}

function checkOrigin(origin: string): string {
  const url = typeof origin === 'string' && URL.canParse(origin) ? new URL(origin) : undefined;
  const valid = url !== undefined && /^https?:$/.test(url.protocol) && url.origin === origin;
  return check(
    'origins',
    origin,
    valid,
    "a list of origins without a path, such as 'https://ops.example.com'",
  );
}

function checkTraceUrl(traceUrl: string): string {
  const probe = typeof traceUrl === 'string' ? traceUrl.replaceAll('{trace}', '0') : '';
  const valid = probe !== traceUrl && /^https?:/.test(probe) && URL.canParse(probe);
  return check(
    'traceUrl',
    traceUrl,
    valid,
    "an address with {trace}, such as 'https://traces.example.com/{trace}'",
  );
}
