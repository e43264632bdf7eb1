/** One call of a locked method: the data from which its key is made and by which its hold is ended. */
import type { HandlerScope } from './handler-scope.js';

/** A class, as the links of handler scopes are, and for the same reason. */
export class LockedCall {
  constructor(
    readonly method: string | symbol,
    /** `Orders.pay`, for messages. */
    readonly label: string,
    readonly self: unknown,
    readonly args: unknown[],
    /** Set exactly if Nest called the method as a handler. */
    readonly scope: HandlerScope | undefined,
  ) {}
}
