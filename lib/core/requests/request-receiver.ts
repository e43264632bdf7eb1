/** Gets the outcome of a command with a request, and with the release of another token, if there is one. */
import type { LockStoreError } from '../../errors/index.js';
import type { AcquireReply, ExchangeReply } from '../contracts/store.contract.js';
import { type ExchangeReceiver, outcomeOf, type ReleaseOutcome } from '../runtime/session-commands.js';
import type { PendingRequest } from './pending-request.js';

/** The owner of the request. */
export interface Requester {
  onReply(request: PendingRequest, reply: AcquireReply): void;
  onFailure(request: PendingRequest, error: LockStoreError): void;
}

export class RequestReceiver implements ExchangeReceiver {
  constructor(
    private readonly requester: Requester,
    private readonly request: PendingRequest,
    /** Is told what became of the token that the command releases. */
    private readonly released?: (outcome: ReleaseOutcome) => void,
  ) {}

  onReply({ released, acquire }: ExchangeReply): void {
    try {
      if (acquire !== undefined) this.requester.onReply(this.request, acquire);
    } finally {
      this.released?.(outcomeOf(released));
    }
  }

  onFailure(error: LockStoreError): void {
    try {
      this.requester.onFailure(this.request, error);
    } finally {
      this.released?.('unknown');
    }
  }
}
