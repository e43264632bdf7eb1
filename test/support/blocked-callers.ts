/** Callers that wait while they hold keys, as processes tell of them, and the search for cycles among them. */
import type { Answer, BlockedFacts } from '../../lib/core/inspection/messages.js';
import type { Steps } from '../../lib/core/time/pieces.js';
import { blockedCallers, cyclesOf, type FoundCycle } from '../../lib/core/inspection/wait-cycles.js';

export interface BlockedCaller extends BlockedFacts {
  readonly session: string;
  readonly owner: string;
}

/** @param readersOnly the keys that no writer waits for. */
export function cyclesAmong(
  callers: readonly BlockedCaller[],
  readersOnly: readonly string[] = [],
): FoundCycle[] {
  return resultOf(cyclesOf(resultOf(blockedCallers(callers.map(answerOf))), new Set(readersOnly)));
}

/** The answer of a process that has this caller alone. */
export function answerOf({ session, owner, ...blocked }: BlockedCaller): Answer {
  const facts = { owner, held: 1, waiting: 1, holds: [], waits: [], blocked: [blocked], troubles: [] };
  return { kind: 'answer', id: 'q', from: session, facts };
}

function resultOf<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
