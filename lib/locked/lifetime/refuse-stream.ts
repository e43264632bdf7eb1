/**
 * Refuses results that continue after the method has returned, if nothing tells when they end. The lock would not cover
 * them.
 */
import { isObservable } from 'rxjs';
import { LockWiringError } from '../../errors/index.js';
import { isAsyncGenerator, nodeStreamOf } from './streamed-results.js';

/**
 * @throws LockWiringError for a result that is a stream. A stream is destroyed first, so that nothing reads it without
 * the lock.
 */
export function refuseStream(result: unknown, label: string): void {
  if (isObservable(result))
    throw streamError(label, 'an Observable', 'The Observable was not subscribed to.', DECLARE);
  if (typeof result !== 'object' || result === null) return;
  const stream = nodeStreamOf(result);
  if (stream === undefined ? !isIterable(result) && !isGenerator(result) : isIdle(stream)) return;
  // The stream may emit an error because it is destroyed. Without a listener, that error would end the process.
  stream?.on('error', () => {});
  destroy(stream ?? result);
  if (isGenerator(result)) throw streamError(label, 'a generator', 'The generator was ended.', ASYNC);
  throw isAsyncGenerator(result)
    ? streamError(label, 'an async generator', 'The generator was ended.', DECLARE)
    : streamError(label, 'a stream', 'The stream was destroyed.', READ);
}

/** Whether the result is a web stream, an async generator or a database cursor, which loads more data at each step. */
function isIterable(result: object): boolean {
  return (
    Symbol.asyncIterator in result || typeof (result as Partial<WritableStream>).getWriter === 'function'
  );
}

/** Whether the result is a generator that is not async, or an iterator made of one: it runs code at each step. */
function isGenerator(result: object): boolean {
  return ['[object Generator]', '[object Iterator Helper]'].includes(Object.prototype.toString.call(result));
}

/**
 * Whether a stream produces nothing any more: it or its source has ended. Such a stream already has all of its data,
 * like a file made from a Buffer.
 */
function isIdle({ readable, writable, _readableState: state }: Internals): boolean {
  const reads = (readable ?? writable === undefined) && state?.ended !== true;
  return !reads && writable !== true;
}

/**
 * Streams of other libraries may lack some of these properties. Node has no public property for the last one, which
 * says that the source has ended.
 */
interface Internals {
  readonly readable?: boolean;
  readonly writable?: boolean;
  readonly _readableState?: { readonly ended?: unknown };
}

/**
 * The first method that exists is called: streams are destroyed or cancelled, cursors disposed of, generators ended.
 */
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
  'If Nest subscribes to the result of a handler, or streams it, both work without this declaration.';

const ASYNC = 'Write the method as "async *", or return what it yields as an array.';

const READ =
  'Read it to its end within the method, or write the method as "async *" and yield what is read. An HTTP handler may ' +
  'return it: Nest streams it under the lock. If the lock need not cover it, return it inside an object.';

function streamError(label: string, what: string, fate: string, cure: string): LockWiringError {
  return new LockWiringError(
    `${label} is @Locked and resolved to ${what}. The lock ends with the promise, so it would not cover ${what}. ` +
      `The method has run. ${fate} ${cure}`,
  );
}
