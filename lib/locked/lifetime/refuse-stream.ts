/** Results that run on after the method has returned, where nothing tells their end: refused, as no lock covers them. */
import { isObservable } from 'rxjs';
import { LockWiringError } from '../../errors/index.js';
import { isAsyncGenerator, nodeStreamOf } from './streamed-results.js';

/**
 * @throws LockWiringError for a result that streams. It is destroyed first: nothing is to read it without the lock.
 */
export function refuseStream(result: unknown, label: string): void {
  if (isObservable(result))
    throw streamError(label, 'an Observable', 'The Observable was not subscribed to.', DECLARE);
  if (typeof result !== 'object' || result === null) return;
  const stream = nodeStreamOf(result);
  if (stream === undefined ? !isIterable(result) : isIdle(stream)) return;
  // What the stream complains of, having been broken off, concerns nobody any more.
  stream?.on('error', () => {});
  destroy(stream ?? result);
  throw isAsyncGenerator(result)
    ? streamError(label, 'an async generator', 'The generator was ended.', DECLARE)
    : streamError(label, 'a stream', 'The stream was destroyed.', READ);
}

/** A stream of the web; a cursor of a database too: each step of its iterator requests more. */
function isIterable(result: object): boolean {
  return (
    Symbol.asyncIterator in result || typeof (result as Partial<WritableStream>).getWriter === 'function'
  );
}

/** A stream that has ended, or whose source has: it holds all of its data already, as a file made of a Buffer does. */
function isIdle({ readable, writable, _readableState: state }: Internals): boolean {
  const reads = (readable ?? writable === undefined) && state?.ended !== true;
  return !reads && writable !== true;
}

/** Streams of other libraries lack some of it. Node has no public word for the last. */
interface Internals {
  readonly readable?: boolean;
  readonly writable?: boolean;
  readonly _readableState?: { readonly ended?: unknown };
}

/** The first that there is serves: a stream is destroyed or cancelled, a cursor disposed of, a generator ended. */
const VERBS = ['destroy', 'cancel', 'abort', Symbol.asyncDispose, 'return'] as const;

function destroy(stream: object): void {
  const verb = VERBS.find((name) => typeof Reflect.get(stream, name) === 'function');
  if (verb === undefined) return;
  const end = async (): Promise<unknown> =>
    Reflect.apply(Reflect.get(stream, verb) as () => unknown, stream, []);
  end().catch(() => {});
}

const DECLARE =
  'Declare the method ": Observable<…>" (with emitDecoratorMetadata) or "async *", without a promise around it. ' +
  'In a handler whose result Nest subscribes to or streams, each of them will do.';

const READ =
  'Read it to its end within the method, or write the method as "async *" and yield what is read. An HTTP handler may ' +
  'return it: Nest streams it under the lock. If the lock need not cover it, return it inside an object.';

function streamError(label: string, what: string, fate: string, cure: string): LockWiringError {
  return new LockWiringError(
    `${label} is @Locked and resolved to ${what}, whose run its lock would not cover: the lock ends with the promise. ` +
      `The method has run. ${fate} ${cure}`,
  );
}
