/**
 * Attaches one listener to each event of a target that this library does not own, for any number of listeners. Node warns
 * about more than ten listeners.
 */
import { LinkedList } from './linked-list.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the target decides what an event passes
type Listener = (...args: any[]) => void;

/** Listens to one event of one target. @returns a function that removes the listener. */
type Attach<T> = (target: T, event: string | symbol, listener: Listener) => () => void;

/** The listeners of one event of one target. */
class Topic {
  readonly listeners = new LinkedList<Listener>();
  detach!: () => void;

  readonly tell = (...args: unknown[]): void => {
    const failures: unknown[] = [];
    for (const node of [...this.listeners.nodes()]) {
      // An earlier listener may have removed this one.
      if (!node.listed) continue;
      try {
        node.value(...args);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
}

export class SharedListeners<T extends object> {
  readonly #attach: Attach<T>;
  readonly #targets = new WeakMap<T, Map<string | symbol, Topic>>();

  constructor(attach: Attach<T>) {
    this.#attach = attach;
  }

  /** @returns an idempotent function that removes the listener. With the last listener, the target is left as it was. */
  on(target: T, event: string | symbol, listener: Listener): () => void {
    const topics = this.#targets.get(target) ?? new Map<string | symbol, Topic>();
    this.#targets.set(target, topics);
    let topic = topics.get(event);
    if (topic === undefined) {
      topic = new Topic();
      topics.set(event, topic);
      topic.detach = this.#attach(target, event, topic.tell);
    }
    const { listeners, detach } = topic;
    const node = listeners.push(listener);
    return () => {
      if (!node.listed) return;
      listeners.remove(node);
      if (listeners.size > 0) return;
      topics.delete(event);
      detach();
    };
  }
}

const signals = new SharedListeners<AbortSignal>((signal, event, listener) => {
  const name = String(event);
  signal.addEventListener(name, listener);
  return () => signal.removeEventListener(name, listener);
});

/** A signal of this library's own. It is lighter than an AbortSignal, and listens to nothing before it must. */
export abstract class OwnSignal {
  abstract readonly aborted: boolean;
  abstract readonly reason: unknown;
  /** Calls back when the signal aborts. @returns an idempotent function that removes the callback. */
  abstract onAbort(callback: () => void): () => void;
}

export type AnySignal = AbortSignal | OwnSignal;

/**
 * Calls back when the signal aborts. The signal must not be aborted yet.
 * @returns a function that removes the callback.
 */
export function onAbort(signal: AnySignal, callback: () => void): () => void {
  return signal instanceof OwnSignal ? signal.onAbort(callback) : signals.on(signal, 'abort', callback);
}
