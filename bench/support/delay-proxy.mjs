// A process of its own that stands between clients and a server and keeps everything back for a while, each way.
import { fork } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const SELF = fileURLToPath(import.meta.url);

/** Starts one, without a delay: code that is to be warmed up would hardly run. */
export async function startDelayProxy(target) {
  const child = fork(SELF, [JSON.stringify({ target })]);
  const killed = () => child.kill('SIGKILL');
  process.once('exit', killed);
  const { port } = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`The proxy ended with ${code}.`)));
  });
  return {
    port,
    pid: child.pid,
    /** For what arrives from now on. @param delay in ms */
    setDelay: (delay) => child.send({ delay }),
    async stop() {
      process.off('exit', killed);
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    },
  };
}

if (process.argv[1] === SELF) run(JSON.parse(process.argv[2]));

function run({ target }) {
  let delay = 0;
  process.on('message', (message) => (delay = message.delay));
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
    later(client, upstream, () => delay);
    later(upstream, client, () => delay);
  });
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
  process.on('disconnect', () => process.exit());
}

function later(from, to, delayNow) {
  const chunks = [];
  let armed = false;
  const pump = () => {
    armed = false;
    while (chunks.length > 0) {
      const wait = chunks[0].due - performance.now();
      if (wait > 0) return arm(wait);
      to.write(chunks.shift().chunk);
    }
  };
  // Timers count in whole milliseconds, and one of 1 ms may fire early: the rest is spent in cycles of the loop.
  const arm = (wait) => {
    armed = true;
    if (wait < 0.9) setImmediate(pump);
    else setTimeout(pump, Math.floor(wait + 0.1));
  };
  from.on('data', (chunk) => {
    const delay = delayNow();
    if (delay === 0 && chunks.length === 0) return to.write(chunk);
    chunks.push({ chunk, due: performance.now() + delay });
    if (!armed) arm(delay);
  });
  from.on('error', () => undefined);
  from.on('close', () => to.destroy());
}
