/** Tells telemetry which keys `lockKey` makes, and of which text. Nobody listens unless telemetry runs. */
const SLOT = Symbol.for('nestjs-locked.made-keys');

interface MadeKeys {
  /** @param text the text around the values, as the tag has it. */
  tell: ((key: string, text: readonly string[]) => void) | undefined;
}

/** The slot. All copies of the package in one process share it. */
export const madeKeys: MadeKeys = ((globalThis as { [SLOT]?: MadeKeys })[SLOT] ??= { tell: undefined });
