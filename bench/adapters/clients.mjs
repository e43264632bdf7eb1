// The ioredis clients of the adapters: one version and the same options for all, and a count of what they send.
import { createRequire } from 'node:module';
import { Redis } from 'ioredis';

const require = createRequire(import.meta.url);

let sent = 0;
let connection = {};

/** How many commands this process has sent to Redis; a script is one, whatever it does inside. */
export const commandsSent = () => sent;

/**
 * Redis itself counts the commands within scripts too (`total_commands_processed`). So they are counted where they leave, in
 * every copy of ioredis that is loaded here. That includes the client that nestjs-locked opens by itself.
 */
export function countCommands(...copies) {
  for (const prototype of new Set([Redis, ...copies].map((each) => each.prototype))) {
    const send = prototype.sendCommand;
    prototype.sendCommand = function (command, ...rest) {
      sent += 1;
      return send.call(this, command, ...rest);
    };
    // nestjs-locked sends by the client's public methods if a tracer has replaced this one. It tells by the source.
    prototype.sendCommand.toString = () => send.toString();
  }
}

/** From now on, clients get their replies from memory. @returns a count of the commands that still went to the server */
export async function withoutKernel() {
  const { FakeConnector, learnt } = await import('../support/fake-stream.mjs');
  connection = { Connector: FakeConnector };
  return learnt;
}

export async function connect(port, options = {}) {
  const client = new Redis({ host: '127.0.0.1', port, lazyConnect: true, ...connection, ...options });
  await client.connect();
  return client;
}

/** Of an installed package, whether or not it exports its package.json. */
export function versionOf(name) {
  for (const folder of require.resolve.paths(name)) {
    try {
      return require(`${folder}/${name}/package.json`).version;
    } catch {
      // Not in this folder.
    }
  }
  return 'unknown';
}
