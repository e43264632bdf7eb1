// The processes of one adapter in one scenario. Each has one message under way at a time.
import { fork } from 'node:child_process';
import { systemNow } from './clock.mjs';

const WORKER = new URL('../worker.mjs', import.meta.url);

/** Between telling all processes of a round and its beginning, in ms: long enough for the last one to be told. */
const NOTICE = 20;

export async function startWorkers(adapter, scenario, settings, place) {
  const what = { adapter: adapter.twin ?? adapter.name, scenario: scenario.name, entry: adapter.entry };
  const workers = await Promise.all(
    Array.from({ length: scenario.processes }, (_, index) =>
      startWorker({ ...what, index, ...settings }, place),
    ),
  );
  const tellAll = (message) => Promise.all(workers.map((worker) => worker.tell(message)));
  return {
    /**
     * Runs one, and tells what each process saw and when it ended.
     * @param lead so long it goes on before it counts
     * @param hurried without the pauses in the holds
     */
    async round(lasting, { lead = 0, hurried = false }) {
      const from = systemNow() + NOTICE + lead;
      const to = from + lasting;
      return { to, replies: await tellAll({ round: { from, to, lead, hurried } }) };
    },
    stop: () => Promise.all(workers.map((worker) => worker.stop())),
  };
}

async function startWorker(what, place) {
  const child = fork(WORKER, [JSON.stringify(what)], { serialization: 'advanced' });
  const next = () =>
    new Promise((resolve, reject) => {
      const ended = (code, signal) =>
        reject(new Error(`The worker of ${what.adapter} ended (${signal ?? code}).`));
      child.once('exit', ended);
      child.once('message', (message) => {
        child.off('exit', ended);
        if (message.error === undefined) resolve(message);
        else reject(new Error(`${what.adapter}: ${message.error}`));
      });
    });
  await next();
  place.pin(child.pid, 'caller');
  return {
    tell(message) {
      const reply = next();
      child.send(message);
      return reply;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      if (child.connected) child.send({ close: true });
      await gone;
      clearTimeout(timer);
    },
  };
}
