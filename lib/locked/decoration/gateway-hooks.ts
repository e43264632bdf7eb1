/** The hooks of a gateway. Nest does not await the promise of a hook, so a rejection would end the process. */
import { Logger } from '@nestjs/common';
import { isLockError, type LockError } from '../../errors/index.js';
import { mapsErrorsOf } from '../../error-mapping/mapping-decision.js';
import { type ErrorReply, replyTo } from '../../error-mapping/error-reply.js';
import { report } from '../../error-mapping/lock-error.interceptor.js';
import { messagePayload } from '../../error-mapping/transport-error.js';
import type { LockedCall } from '../locked-call.js';

/** The metadata key that Nest's `@WebSocketGateway` sets on the class. */
const GATEWAY = 'websockets:is_gateway';
const HOOKS = new Set<string | symbol>(['handleConnection', 'handleDisconnect']);

const logger = new Logger('LockModule');

/**
 * Whether Nest calls the method as a hook.
 * @param wrapper the function that was called. In a call by `super`, and below another wrapper, it is not the function
 * that Nest calls. Then the caller gets the error.
 */
export function isGatewayHook({ self, method }: LockedCall, wrapper: object): boolean {
  if (!HOOKS.has(method) || typeof self !== 'object' || self === null) return false;
  if (Reflect.getMetadata(GATEWAY, self.constructor) !== true) return false;
  return (self as Record<string | symbol, unknown>)[method] === wrapper;
}

/** Disconnects the client if a hook fails with a LockError. Every other error is left to Nest. */
export async function disconnectOnError(
  hook: Promise<unknown>,
  call: LockedCall,
  service: symbol,
): Promise<unknown> {
  try {
    return await hook;
  } catch (error) {
    if (!isLockError(error)) throw error;
    refuseClient(error, call, service);
    return undefined;
  }
}

function refuseClient(error: LockError, { label, self, args: [client] }: LockedCall, service: symbol): void {
  const reply = replyTo(error, NO_STATUS);
  report(reply, error);
  logger.warn(
    `${label} failed with ${error.code}, and its client was disconnected, because Nest does not await the hooks of a gateway. ` +
      `To answer a busy lock in another way, use the option onBusy. The error was: ${error.message}`,
  );
  const mapped = mapsErrorsOf((self as Record<symbol, object | undefined>)[service]);
  try {
    disconnect(client ?? {}, reply, mapped);
  } catch (failure) {
    logger.error(`The client of ${label} could not be disconnected.`, (failure as Error).stack);
  }
}

interface SocketIoClient {
  emit?(event: string, payload: object): unknown;
  disconnect?(close: boolean): unknown;
}

interface WsClient {
  send?(text: string): unknown;
  close?(code: number, reason: string): unknown;
}

function disconnect(client: SocketIoClient & WsClient, reply: ErrorReply, mapped: boolean): void {
  const payload = messagePayload(reply);
  if (typeof client.disconnect === 'function') {
    if (mapped) client.emit?.('exception', payload);
    client.disconnect(true);
    return;
  }
  if (typeof client.close !== 'function') return;
  if (mapped) client.send?.(JSON.stringify({ event: 'exception', data: payload }));
  client.close(reply.retryAfter === undefined ? INTERNAL_ERROR : TRY_AGAIN_LATER, mapped ? reply.code : '');
}

/** Close codes of the WebSocket protocol. */
const INTERNAL_ERROR = 1011;
const TRY_AGAIN_LATER = 1013;

/** Messages have no HTTP status. */
const NO_STATUS = 0;
