/** The methods of LockService that inspect locks, and release them by force. */
import type { LockEngine } from './core/engine/lock-engine.js';
import { checkForceRelease, listOptionsOf, oneKey, patienceOf } from './core/inspector/inspect-options.js';
import type {
  ForceReleaseOptions,
  ForceReleaseResult,
  InspectOptions,
  ListOptions,
  LockInfo,
  LockOverview,
} from './core/inspection/lock-info.js';

export abstract class LockInspection {
  readonly #engine: LockEngine;

  /** @internal */
  constructor(engine: LockEngine) {
    this.#engine = engine;
  }

  /**
   * Makes this process answer questions from now on, unless the option `inspection` is 'off'. The dashboard calls it.
   * @internal
   */
  listen(): void {
    this.#engine.inspector.listen();
  }

  /**
   * What stands at a key: the holders and the queue, with what their processes say of them. Nothing is written.
   * @returns null if nobody holds the key, and nobody waits for it.
   * @throws LockStoreError if the store failed.
   * @throws LockOptionsError if an option is invalid, or if locks of the store cannot be inspected.
   */
  async inspect(key: string, options?: InspectOptions): Promise<LockInfo | null> {
    return this.#engine.inspector.inspect(oneKey(key), patienceOf(options));
  }

  /**
   * What all processes that answer hold and wait for, by one question to all of them. No key is read.
   * @throws as {@link inspect}
   */
  async overview(options?: InspectOptions): Promise<LockOverview> {
    return this.#engine.inspector.overview(patienceOf(options));
  }

  /**
   * Finds the keys that are held or waited for, also those of processes that do not answer and of foreign clients. The
   * keys of the store are searched in small steps with pauses: about two seconds for each 100,000 keys of the server. If
   * the signal of the options is aborted, the loop ends without an error, with the keys that were found until then.
   * @param pattern a glob of keys. Default: all keys.
   * @throws as {@link inspect}
   */
  list(pattern = '*', options?: ListOptions): AsyncIterable<LockInfo> {
    return this.#engine.inspector.list(pattern, listOptionsOf(pattern, options));
  }

  /**
   * Takes a key away from a holder, and hands it to the next caller in the queue. The work of the holder is not stopped.
   * The holder is told: its lock is lost, by the reason `revoked`. Until its work ends, two may run. Only a fence keeps the
   * first one from writing.
   * @throws as {@link inspect}. If the outcome is not known, the LockStoreError says that the holder may have lost the
   * lock: its process is not told then, and notices at its next renewal. The release neither happens later nor is repeated.
   */
  async forceRelease(key: string, options: ForceReleaseOptions): Promise<ForceReleaseResult> {
    checkForceRelease(key, options);
    return this.#engine.inspector.forceRelease(oneKey(key), options);
  }
}
