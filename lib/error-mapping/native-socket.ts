/**
 * Sends errors to clients of `ws` before Nest 12. There, the exception filter of Nest emits an error as an event of the
 * socket object in the server, and sends nothing to the client.
 */

interface NativeSocket {
  readonly readyState: number;
  send(text: string): void;
  on(event: 'exception', listener: (payload: unknown) => void): unknown;
}

/** The sockets that have our listener. */
const listening = new WeakSet<object>();
/** The payloads of this library that are to be sent. Exceptions of the application are left to Nest. */
const ownPayloads = new WeakSet<object>();

/**
 * Sends a payload to the client if Nest emits the payload on the socket. From Nest 12 on, Nest itself sends the payload
 * and emits nothing. A filter of the application may do neither.
 */
export function sendWhenEmitted(client: unknown, payload: object): void {
  if (!isNative(client)) return;
  ownPayloads.add(payload);
  if (listening.has(client)) return;
  listening.add(client);
  client.on('exception', (emitted) => {
    if (typeof emitted !== 'object' || emitted === null || !ownPayloads.delete(emitted)) return;
    client.send(JSON.stringify({ event: 'exception', data: emitted }));
  });
}

/** Whether the client is a socket of `ws`. A socket of socket.io has other methods, and sends what is emitted. */
function isNative(client: unknown): client is NativeSocket & object {
  const { readyState, send, on } = (client ?? {}) as Partial<NativeSocket>;
  return typeof readyState === 'number' && typeof send === 'function' && typeof on === 'function';
}
