/** Clients of `ws` before Nest 12: its filter emits their errors to the server's own socket object, and sends nothing. */

interface NativeSocket {
  readonly readyState: number;
  send(text: string): void;
  on(event: 'exception', listener: (payload: unknown) => void): unknown;
}

/** The listeners that are on a socket already. */
const listening = new WeakSet<object>();
/** What is ours to send: an exception of the application's own is as Nest has it. */
const ownPayloads = new WeakSet<object>();

/**
 * Has a payload sent to its client should Nest emit it to the socket. From Nest 12 on it sends it, and emits nothing; an
 * application's own filter may do neither.
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

/** Those of socket.io send what is emitted. */
function isNative(client: unknown): client is NativeSocket & object {
  const { readyState, send, on } = (client ?? {}) as Partial<NativeSocket>;
  return typeof readyState === 'number' && typeof send === 'function' && typeof on === 'function';
}
