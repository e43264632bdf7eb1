// The process of one application. One message is under way at a time.
import { fork } from 'node:child_process';

const APP = new URL('./app.mjs', import.meta.url);
export const CONNECTIONS = 16;

export async function startApplication(row, port, place) {
  const child = fork(APP, [JSON.stringify({ ...row, port })]);
  const next = () =>
    new Promise((resolve, reject) => {
      const ended = (code, signal) =>
        reject(new Error(`The application of "${row.name}" ended (${signal ?? code}).`));
      child.once('exit', ended);
      child.once('message', (message) => {
        child.off('exit', ended);
        if (message.error === undefined) resolve(message);
        else reject(new Error(`${row.name}: ${message.error}`));
      });
    });
  const tell = (message) => {
    const reply = next();
    child.send(message);
    return reply;
  };
  const { url, start, create } = await next();
  // Here, so that the tests of the measuring need no installation of the peers.
  const { Pool } = await import('undici');
  place.pin(child.pid, 'caller');
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  let id = 0;
  return {
    row,
    start,
    create,
    tell,
    async request() {
      const path = `/${row.handler}/${(id += 1)}`;
      const { statusCode, body } = await pool.request({ path, method: 'POST' });
      const text = await body.text();
      if (statusCode !== 201) throw new Error(`"${row.name}" answered ${statusCode}: ${text}`);
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await pool.close();
      if (child.connected) child.send({ stop: true });
      await gone;
      clearTimeout(timer);
    },
  };
}
