/** The parts of a key's coordinator, for the functions beside it. */
import type { BatchSet } from '../batches/batch-set.js';
import type { BatchOwner } from '../batches/lease-batch.js';
import type { WaitQueue } from '../queue/wait-queue.js';
import type { RequestKnowledge } from '../requests/request-knowledge.js';
import type { EngineContext } from '../runtime/engine-context.js';

export interface KeyCoordinatorSettings {
  readonly key: string;
  readonly context: EngineContext;
  readonly maxWaiters: number;
  /** No caller waits and no lease is left: the key can be forgotten. */
  readonly onIdle: (parts: KeyParts) => void;
}

export interface KeyParts extends BatchOwner {
  readonly context: EngineContext;
  readonly queue: WaitQueue;
  readonly batches: BatchSet;
  readonly known: RequestKnowledge;
}
