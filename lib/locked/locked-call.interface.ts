/** What is known of one call of a locked method, for its key and its hold. */
import type { HandlerScope } from './handler-scope.js';

export interface LockedCall {
  readonly method: string | symbol;
  readonly label: string;
  readonly self: unknown;
  readonly args: unknown[];
  /** Set exactly where Nest called it as a handler. */
  readonly scope: HandlerScope | undefined;
}
