/** One stream of server-sent events, written by hand, so that no interceptor and no serialiser of the application sees it. */
import type { ServerResponse } from 'node:http';
import { type Timer, systemClock } from '../../core/time/clock.js';
import { type DashboardReply, SAFE_HEADERS } from './messages.js';

/** In ms. Proxies cut silent connections after a minute or so. */
const COMMENT_EVERY = 15_000;
/** In ms. A stream ends after this time. The page opens a new one, so that the guards judge the visitor again. */
const MAX_AGE = 5 * 60_000;
/** In ms. A reader that took nothing for so long is gone. */
const MAX_BLOCKED = 60_000;
/** In ms. How long the end of a stream may take to reach the reader. */
const END_WITHIN = 250;

export class EventStream {
  readonly #raw: ServerResponse;
  readonly #opened = performance.now();
  readonly #onEnd: Array<() => void> = [];
  #timer: Timer;
  /** Since when the reader takes nothing. */
  #blockedSince: number | undefined;
  /** The newest event that the reader could not take. It replaces older ones. */
  #skipped: string | undefined;
  #ended = false;

  constructor(reply: DashboardReply) {
    reply.hijack?.();
    this.#raw = reply.raw ?? (reply as unknown as ServerResponse);
    const { httpVersionMajor } = this.#raw.req;
    this.#raw.writeHead(200, {
      ...SAFE_HEADERS,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-cache, no-transform',
      'x-accel-buffering': 'no',
      // Without it, the idle connection would delay the shutdown. HTTP/2 has no such header.
      ...(httpVersionMajor < 2 ? { connection: 'close' } : {}),
    });
    this.#raw.on('close', () => this.#over());
    this.#raw.on('error', () => this.#over());
    this.#raw.on('drain', () => this.#drained());
    this.#timer = systemClock.schedule(() => this.#beat(), COMMENT_EVERY);
    // A reader that has left before emits nothing more.
    if (hasLeft(this.#raw)) this.#over();
  }

  onEnd(callback: () => void): void {
    if (this.#ended) callback();
    else this.#onEnd.push(callback);
  }

  /** If the reader is too slow, it gets only the newest of the events that it missed. */
  send(event: string, data: string): void {
    const frame = `event: ${event}\ndata: ${data}\n\n`;
    if (this.#blockedSince === undefined) this.#write(frame);
    else this.#skipped = frame;
  }

  end(): void {
    if (this.#ended) return;
    this.#over();
    if (this.#blockedSince !== undefined) {
      this.#raw.destroy();
      return;
    }
    this.#raw.end();
    systemClock.schedule(() => this.#raw.destroy(), END_WITHIN);
  }

  #write(frame: string): void {
    if (this.#ended || this.#raw.write(frame)) return;
    this.#blockedSince = performance.now();
  }

  #drained(): void {
    this.#blockedSince = undefined;
    const frame = this.#skipped;
    this.#skipped = undefined;
    if (frame !== undefined) this.#write(frame);
  }

  #beat(): void {
    if (this.#ended) return;
    const now = performance.now();
    if (this.#blockedSince !== undefined && now - this.#blockedSince > MAX_BLOCKED) return this.end();
    if (now - this.#opened > MAX_AGE) {
      this.send('renew', '{}');
      return this.end();
    }
    if (this.#blockedSince === undefined) this.#write(':\n\n');
    this.#timer = systemClock.schedule(() => this.#beat(), COMMENT_EVERY);
  }

  #over(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer.cancel();
    for (const callback of this.#onEnd.splice(0)) callback();
  }
}

/**
 * With pipelining, a response that waits for an earlier one has no socket yet, so the request's socket is read. Over
 * HTTP/2, a response has a stream of its own.
 */
function hasLeft(raw: ServerResponse & { readonly stream?: { readonly destroyed: boolean } }): boolean {
  const { destroyed, closed, req, stream } = raw;
  return destroyed || closed || req.socket?.destroyed || stream?.destroyed === true;
}
