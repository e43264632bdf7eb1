/** Sends questions to the processes, and gathers their answers for a bounded time. */
import { randomBytes } from 'node:crypto';
import type { StoreInspection } from '../contracts/inspection.contract.js';
import type { Clock, Timer } from '../time/clock.js';
import { type Answer, encodeMessage } from '../inspection/messages.js';

/** After this many questions, the processes that have been silent are waited for once more. */
const PATIENT_EVERY = 10;

interface Pending {
  readonly answers: Map<string, Answer>;
  /** Whether the answers that are there are enough. */
  enough(): boolean;
  done(): void;
}

export interface Gathered {
  /** By session. */
  readonly answers: ReadonlyMap<string, Answer>;
  /** How many processes have not answered, as far as the store knows how many there are. */
  readonly silent: number;
}

export interface InquirySettings {
  readonly inspection: StoreInspection;
  readonly sessionId: string;
  readonly clock: Clock;
  /** The answer of this process itself, which no message needs. */
  readonly own: (id: string, key: string | undefined) => Answer;
  /** Resolves when the messages that have arrived are read. */
  readonly settled: () => Promise<void>;
}

export class Inquiry {
  readonly #settings: InquirySettings;
  readonly #pending = new Map<string, Pending>();
  /** How many processes were silent at the latest question to all, and have not answered it later either. */
  #silent = 0;
  /** The latest question to all, once it is over, with the sessions that have answered it. */
  #latest: { readonly id: string; readonly from: Set<string> } | undefined;
  #questions = 0;

  constructor(settings: InquirySettings) {
    this.#settings = settings;
  }

  /**
   * The answers about one key.
   * @param sessions the sessions that are concerned. The other processes are not waited for.
   */
  async about(key: string, sessions: readonly string[], patience: number): Promise<Gathered> {
    const { sessionId, own } = this.#settings;
    const others = sessions.filter((each) => each !== sessionId);
    const alone = { answers: new Map([[sessionId, own('', key)]]), silent: others.length };
    if (others.length === 0) return alone;
    try {
      const { answers } = await this.#send(key, patience, (present, receivers) => {
        const all = sessions.every((each) => present.has(each));
        return all || (receivers !== undefined && present.size >= receivers);
      });
      return { answers, silent: sessions.filter((each) => !answers.has(each)).length };
    } catch {
      return alone; // this process may not subscribe or publish: the store still tells the holders
    }
  }

  /** The answers of these sessions about one key. No other process gets the question. */
  async from(
    sessions: readonly string[],
    key: string,
    patience: number,
  ): Promise<ReadonlyMap<string, Answer>> {
    const { sessionId, own, inspection } = this.#settings;
    const others = sessions.filter((each) => each !== sessionId);
    if (others.length === 0) return new Map([[sessionId, own('', key)]]);
    const send = async (message: string) => {
      await Promise.all(others.map((each) => inspection.send(each, message)));
      return undefined;
    };
    const all = (present: ReadonlyMap<string, Answer>) => others.every((each) => present.has(each));
    return (await this.#send(key, patience, all, send)).answers;
  }

  /** The digests of all processes. A process that was silent before is waited for at each tenth question only. */
  async all(patience: number): Promise<Gathered> {
    this.#questions += 1;
    const spared = this.#questions % PATIENT_EVERY === 0 ? 0 : this.#silent;
    const { id, answers, receivers } = await this.#send(
      undefined,
      patience,
      (present, reached) => reached !== undefined && present.size >= reached - spared,
    );
    const silent = Math.max(0, (receivers ?? answers.size) - answers.size);
    this.#silent = silent;
    this.#latest = { id, from: new Set(answers.keys()) };
    return { answers, silent };
  }

  answered(answer: Answer): void {
    if (answer.from === this.#settings.sessionId) return; // forged: this process sends itself no answer
    const pending = this.#pending.get(answer.id);
    if (pending === undefined) return this.#late(answer);
    pending.answers.set(answer.from, answer);
    if (pending.enough()) pending.done();
  }

  /** A process that is late is not silent: the next question waits for it. */
  #late({ id, from }: Answer): void {
    if (this.#latest?.id !== id || this.#latest.from.has(from) || this.#silent === 0) return;
    this.#latest.from.add(from);
    this.#silent -= 1;
  }

  async #send(
    key: string | undefined,
    patience: number,
    enough: (answers: ReadonlyMap<string, Answer>, receivers: number | undefined) => boolean,
    send = (message: string) => this.#settings.inspection.broadcast(message),
  ): Promise<{ id: string; answers: ReadonlyMap<string, Answer>; receivers: number | undefined }> {
    const { inspection, sessionId, clock, own, settled } = this.#settings;
    await inspection.listen();
    const id = randomBytes(9).toString('base64url');
    const answers = new Map([[sessionId, own(id, key)]]);
    let receivers: number | undefined;
    let sent = false;
    let timer: Timer | undefined;
    try {
      const gathered = new Promise<void>((resolve) => {
        const pending = { answers, enough: () => sent && enough(answers, receivers), done: resolve };
        this.#pending.set(id, pending);
      });
      receivers = await send(encodeMessage({ kind: 'question', id, from: sessionId, key }));
      sent = true;
      if (!enough(answers, receivers)) {
        const late = new Promise<void>((resolve) => {
          timer = clock.schedule(() => void settled().then(resolve), patience);
        });
        await Promise.race([gathered, late]);
      }
    } finally {
      timer?.cancel();
      this.#pending.delete(id);
    }
    return { id, answers, receivers };
  }
}
