/** Clients that answer the questions of inspectors, as many processes would do, or as no process would do. */
import { Redis } from 'ioredis';
import { serve } from '../child-worker.js';

export type AnswersHandlers = typeof handlers;

const QUESTIONS = 'lock:~nl:i';
const clients: Redis[] = [];

interface Question {
  readonly id: string;
  readonly from: string;
}

function connect(url: string): Redis {
  const client = new Redis(url, { enableReadyCheck: false });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

export const handlers = serve({
  /**
   * Subscribes `count` connections.
   * @param texts the answers of each of them: `$id`, `$from` and `$to` are filled in.
   */
  async answer(url: string, count: number, texts: readonly string[]): Promise<void> {
    const publisher = connect(url);
    await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const client = connect(url);
        client.on('message', (_channel, text: string) => {
          const { id, from } = JSON.parse(text) as Question;
          for (const answer of texts) {
            const filled = answer
              .replaceAll('$id', id)
              .replaceAll('$from', `fake-${i}`)
              .replaceAll('$to', from);
            publisher.publish(`${QUESTIONS}:${from}`, filled).catch(() => undefined);
          }
        });
        await client.subscribe(QUESTIONS);
      }),
    );
  },
  stop(): void {
    for (const client of clients.splice(0)) client.disconnect();
  },
});
