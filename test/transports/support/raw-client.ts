/** An HTTP client of one request that reads when it is told to, and can vanish: its socket is destroyed. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class RawClient {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Sends the request, and reads nothing yet. */
  static async get(url: string, path: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
    return new RawClient(socket);
  }

  /** The response has begun; most of a long one stays with the server. */
  async begun(): Promise<void> {
    await once(this.#socket, 'readable');
  }

  /** Reads to the end: head and body, in chunks if they came so. */
  async rest(): Promise<string> {
    let text = '';
    for await (const chunk of this.#socket) text += String(chunk);
    return text;
  }

  vanish(): void {
    this.#socket.destroy();
  }
}
