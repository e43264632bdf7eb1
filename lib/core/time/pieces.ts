/** Divides long work into pieces, so that the event loop serves other callers between two pieces. */
// This import is not replaced by the fake timers of a test.
import { setImmediate as afterEvents } from 'node:timers';
import { runOutside } from './outside.js';

/** The size of a piece, in characters of messages. To read so many takes a few milliseconds. */
const PIECE = 64 * 1024;
/** How many characters may wait. Redis cuts a slow subscriber off at half of that number. */
const MOST_WAITING = 64 * 1024 * 1024;

interface Job {
  readonly size: number;
  readonly work: () => void;
}

/** Work that tells the size of each step after it. The size is the number of characters that take as long. */
export type Steps<T> = Generator<number, T, void>;

export class Pieces {
  #waiting: Job[] = [];
  /** The place in the list of the first job that is not done. */
  #first = 0;
  #waitingSize = 0;
  /** How much was done since the event loop has served others. */
  #done = 0;
  #scheduled = false;

  /**
   * Does the work at once if it fits into the present piece, and otherwise in a later piece. The order is kept. If too much
   * waits already, the work is dropped: a sender may be faster than this process.
   */
  add(size: number, work: () => void): void {
    if (this.#waiting.length === 0 && this.#done < PIECE) return this.#perform({ size, work });
    if (this.#waitingSize + size > MOST_WAITING) return;
    this.#waitingSize += size;
    this.#waiting.push({ size, work });
  }

  /** Resolves when all work that was added before is done. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.add(0, resolve));
  }

  async run<T>(steps: Steps<T>): Promise<T> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      this.#count(step.value);
      if (this.#done >= PIECE) await this.settled();
    }
  }

  #perform({ size, work }: Job): void {
    this.#count(size);
    work();
  }

  #count(size: number): void {
    this.#done += size;
    if (!this.#scheduled) this.#schedule();
  }

  #schedule(): void {
    this.#scheduled = true;
    runOutside(() => afterEvents(() => this.#next()));
  }

  #next(): void {
    this.#done = 0;
    this.#scheduled = false;
    // Counting schedules the next piece before any work is done, so an error ends only one piece.
    for (let job = this.#waiting[this.#first]; job !== undefined; job = this.#waiting[this.#first]) {
      this.#first += 1;
      this.#waitingSize -= job.size;
      this.#perform(job);
      if (this.#done >= PIECE) break;
    }
    if (this.#first < this.#waiting.length) return;
    this.#waiting = [];
    this.#first = 0;
  }
}
