/** One listener for each event of a target that is not ours, however many listen: Node warns of more than ten. */
import { LinkedList } from './linked-list.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what an event passes is its target's own affair
type Listener = (...args: any[]) => void;

/** Listens to one event of one target. @returns takes the listener away. */
type Attach<T> = (target: T, event: string | symbol, listener: Listener) => () => void;

/** The listeners of one event of one target. */
class Topic {
  readonly listeners = new LinkedList<Listener>();
  detach!: () => void;

  readonly tell = (...args: unknown[]): void => {
    const failures: unknown[] = [];
    for (const node of [...this.listeners.nodes()]) {
      // One may have taken another away.
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

  /** @returns takes the listener away. Idempotent. With the last one nothing is left at the target. */
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

/** Calls back when the signal aborts, which it has not yet. @returns takes the callback away. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  return signals.on(signal, 'abort', callback);
}
