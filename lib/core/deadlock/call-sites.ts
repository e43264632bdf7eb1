/** Records where locks are taken, for reports of long holds, of waits in vain and of deadlocks. */
import type { Clock } from '../time/clock.js';

/** The share of the time that may be spent on walking stacks. */
const SHARE = 0.002;

/** How many frames are walked. A call by `@Locked` in a handler has more than ten frames of the package and of Nest. */
const FRAMES = 50;

/** How many frames are shown. */
const SHOWN = 10;

interface Places {
  /** The file of this code. */
  readonly file: string | undefined;
  /** The folder of the package, which may be compiled, bundled, or neither. */
  readonly own: string | undefined;
}

const here = new Error('to read the stack');
let places: Places | undefined;

/** Found at the first use, because a stack takes most of a millisecond to become text. */
function placesOf({ stack }: Error): Places {
  const frame = plain(stack?.split('\n')[1] ?? '');
  const file = /^\s*at (?:.*\()?(?:file:\/\/)?(.+?):\d+:\d+\)?$/.exec(frame)?.[1];
  return { file, own: /^.*[\\/](?:lib|dist)[\\/]/.exec(file ?? '')?.[0] };
}

/** Frames that lead to no code of the application: of Node, of Nest, and of promises. */
const OTHERS = /\bnode:|^new Promise \(<anonymous>\)$|[\\/]node_modules[\\/](?:@nestjs|rxjs)[\\/]/;

export class CallSite {
  /** The stack is formatted only when it is read. */
  readonly #walked: { readonly stack?: string };

  constructor(walked: { readonly stack?: string }) {
    this.#walked = walked;
  }

  /** The frames of the code that has called, the nearest first. Empty if Nest has called. */
  get frames(): string[] {
    const frames = (this.#walked.stack?.split('\n').slice(1) ?? [])
      .map((frame) => frame.trim().replace(/^at /, ''))
      .filter((frame) => !OTHERS.test(frame));
    const { file, own } = (places ??= placesOf(here));
    const outside = frames.filter((frame) => own === undefined || !plain(frame).includes(own));
    // In a bundle, nothing tells the package from the application.
    const bundled =
      outside.length === 0 && file !== undefined && frames.every((frame) => plain(frame).includes(file));
    return (bundled ? frames : outside).slice(0, SHOWN);
  }

  /** The frames as the text of a stack. Undefined if there are none. */
  get stack(): string | undefined {
    const { frames } = this;
    return frames.length === 0 ? undefined : frames.map((frame) => `    at ${frame}`).join('\n');
  }
}

/**
 * To walk the stack costs microseconds, which a busy key would pay for each hold. So the stack is walked at most once a
 * millisecond, and less often if this would take more than its share of the time. A process that takes locks more often
 * than that reports some long holds without their site.
 */
export class CallSites {
  readonly #clock: Clock;
  #nextAt = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param now what the monotonic clock shows. */
  readonly capture = (now = this.#clock.monotonic()): CallSite | undefined => {
    if (now < this.#nextAt) return undefined;
    const walked = {};
    const limit = Error.stackTraceLimit;
    try {
      Error.stackTraceLimit = Math.max(limit, FRAMES);
      Error.captureStackTrace(walked, this.capture);
    } catch {
      // The intrinsics are frozen, so no stack is recorded.
    } finally {
      if (Error.stackTraceLimit !== limit) Error.stackTraceLimit = limit;
    }
    this.#nextAt = now + Math.max(1, (this.#clock.monotonic() - now) / SHARE);
    return new CallSite(walked);
  };
}

/** The frames of ES modules have URLs. */
function plain(frame: string): string {
  return frame.replaceAll('%20', ' ');
}
