/** The options of the dashboard, as users write them. */
import type { CanActivate, ExecutionContext, ModuleMetadata, Type } from '@nestjs/common';
import type { Duration } from '../core/time/duration.js';

/**
 * Decides whether a request may release locks. A string allows it too, and names the person in the logs.
 */
export type ReleasePermission = (
  context: ExecutionContext,
) => boolean | string | Promise<boolean> | Promise<string> | Promise<boolean | string>;

/**
 * Exactly one of `guards`, `authorize`, `password` and `unprotected` must be chosen, because the page shows keys, hosts
 * and methods.
 */
export interface LockDashboardOptions {
  /** Where the page is, below the global prefix of the application. @default 'locks' */
  readonly path?: string;
  /** Guards of the application. All of them must let a request in. */
  readonly guards?: ReadonlyArray<Type<CanActivate> | CanActivate>;
  /** Lets a request in if it returns true. */
  readonly authorize?: (context: ExecutionContext) => boolean | Promise<boolean>;
  /** The browser prompts for it. Any user name is accepted, and stands in the logs of a release. */
  readonly password?: string;
  /**
   * Lets each request in. Only for a server that strangers cannot reach. The page is served only at localhost, at an IP
   * address, and at `origins`.
   */
  readonly unprotected?: true;
  /**
   * Whether locks can be released by click. The work under a released lock is told, and not stopped.
   * @default false
   */
  readonly release?: boolean | ReleasePermission;
  /** The time between two questions to the processes, of at least 100 ms. @default '1s' */
  readonly refresh?: Duration;
  /**
   * Origins such as `https://ops.example.com`, from which a page may send requests besides the server's own. A proxy
   * that replaces the `Host` header needs it. An unprotected page is served at these origins too.
   * @default []
   */
  readonly origins?: readonly string[];
  /** Decorators for the controller, such as `Public()` for a global guard. @default [] */
  readonly decorators?: readonly ClassDecorator[];
  /** The names of further lock modules to show. The unnamed module is always shown, if there is one. @default [] */
  readonly services?: readonly string[];
  /** The address of a trace, with `{trace}` in place of its id. If left out, the page shows the id alone. */
  readonly traceUrl?: string;
  /** Modules that export what the guards inject. @default [] */
  readonly imports?: ModuleMetadata['imports'];
}
