/** An HTTP client of one request. It reads only when a test calls `rest`, and `vanish` destroys its socket. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class RawClient {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Sends the request without reading anything. */
  static async get(url: string, path: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`);
    return new RawClient(socket);
  }

  /** Resolves when the response has begun. Most of a long response stays with the server. */
  async begun(): Promise<void> {
    await once(this.#socket, 'readable');
  }

  /** Reads head and body to the end, with the marks of chunked encoding if the server chose it. */
  async rest(): Promise<string> {
    let text = '';
    for await (const chunk of this.#socket) text += String(chunk);
    return text;
  }

  vanish(): void {
    this.#socket.destroy();
  }
}
