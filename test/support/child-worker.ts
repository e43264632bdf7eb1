/** The side of the worker for `child-process.ts`. */

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- handlers have different parameters
export type Handlers = Record<string, (...args: any[]) => unknown>;

export interface ToChild {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

export interface FromChild {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly name: string; readonly message: string; readonly code?: unknown };
}

/**
 * Serves calls of the parent until the parent ends or says so. Returns its argument, so that its type can be exported.
 */
export function serve<H extends Handlers>(handlers: H): H {
  const send = (message: FromChild) => process.send?.(message);
  process.on('message', (message) => void answer(message as ToChild));
  process.on('disconnect', () => process.exit());
  send({ id: 0 });
  return handlers;

  async function answer({ id, method, args }: ToChild): Promise<void> {
    try {
      send({ id, result: await handlers[method](...args) });
    } catch (error) {
      const { name, message, code } = error as Error & { code?: unknown };
      send({ id, error: { name, message, code } });
    }
  }
}
