/** Releases locks by force, and takes the messages of other processes about such releases. */
import { isLockError, LockStoreError, quoted } from '../../errors/index.js';
import type { KeyHolder, StoreInspection } from '../contracts/inspection.contract.js';
import { ownerOf, sessionIdOf } from '../contracts/token.js';
import type { ForceReleaseOptions, ForceReleaseResult } from '../inspection/lock-info.js';
import { encodeMessage, type Revocation } from '../inspection/messages.js';
import type { EngineContext } from '../runtime/engine-context.js';
import { holderId } from '../util/holder-id.js';

/** What became of one holder. */
interface Outcome {
  readonly released: boolean;
  readonly told: boolean;
}

export class ForcedReleases {
  readonly #context: EngineContext;
  readonly #sessionId: string;

  constructor(context: EngineContext, sessionId: string) {
    this.#context = context;
    this.#sessionId = sessionId;
  }

  /** @throws LockStoreError if the outcome of a release is not known. The other holders are released all the same. */
  async release(
    inspection: StoreInspection,
    key: string,
    options: ForceReleaseOptions,
  ): Promise<ForceReleaseResult> {
    const { holders } = await inspection.readKey(key, 1);
    const meant = holders.filter(
      ({ token }) => options.holder === 'any' || holderId(token) === options.holder,
    );
    // All at once, so that a store that does not answer takes the time of one command.
    const outcomes = await Promise.allSettled(meant.map((each) => this.#one(inspection, key, each, options)));
    const known = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const result = {
      released: known.filter(({ released }) => released).length,
      told: known.filter(({ told }) => told).length,
    };
    const failures = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    if (failures.length === 0) return result;
    if (meant.length === 1) throw failures[0];
    throw partly(key, meant.length, failures, result);
  }

  /** A holder of this session is said to have been released by force. The store tells whether that is true. */
  revoked(message: Revocation): void {
    const { revocations, renewals } = this.#context;
    revocations.noted(message);
    for (const lease of renewals) {
      if (lease.key !== message.key || holderId(lease.token) !== message.holder) continue;
      void lease.heldAfterAll().then((held) => {
        if (held) revocations.denied(message);
      });
    }
  }

  async #one(
    inspection: StoreInspection,
    key: string,
    { token }: KeyHolder,
    options: ForceReleaseOptions,
  ): Promise<Outcome> {
    // The token that was read is released. If its holder has released the key meanwhile, nothing happens.
    const { released } = await this.#context.session.exchange({ key, release: { token, forced: true } });
    if (released === false) return { released, told: false };
    const { by, reason } = options;
    if (released === true) {
      this.#context.events.emit('force-release', () => ({
        name: 'force-release',
        key,
        by,
        why: reason,
        owner: ownerOf(token),
      }));
    }
    // If the outcome is not known, the message makes the holder verify its lease.
    const told = await this.#tell(inspection, key, token, options);
    if (released === undefined) throw unknownOutcome(key);
    return { released, told };
  }

  async #tell(
    inspection: StoreInspection,
    key: string,
    token: string,
    { by, reason }: ForceReleaseOptions,
  ): Promise<boolean> {
    const sessionId = sessionIdOf(token);
    if (sessionId === undefined) return false; // a foreign client
    const revocation: Revocation = { kind: 'revocation', key, holder: holderId(token), by, reason };
    if (sessionId === this.#sessionId) {
      this.revoked(revocation);
      return true;
    }
    try {
      return (await inspection.send(sessionId, encodeMessage(revocation))) !== false;
    } catch {
      return false; // the holder notices at its next renewal
    }
  }
}

/** The command was sent twice, and the second one has found nothing. The first one may have released the key. */
function unknownOutcome(key: string): LockStoreError {
  return new LockStoreError(
    `Whether the lock ${quoted(key)} was released by force is not known: the connection to the store was lost meanwhile. ` +
      'The holder does not hold the lock any more. It may have lost the lock, or may have released it.',
  );
}

function partly(
  key: string,
  meant: number,
  failures: readonly unknown[],
  { released, told }: ForceReleaseResult,
): LockStoreError {
  const [first] = failures;
  const message = first instanceof Error ? first.message : String(first);
  return new LockStoreError(
    `Of ${meant} holders of the lock ${quoted(key)}, ${released} were released by force, and ${told} of them were told. ` +
      `The release of ${failures.length} has failed. The first failure: ${message}`,
    isLockError(first, 'LOCK_STORE') ? first.cause : first,
  );
}
