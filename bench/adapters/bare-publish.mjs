// The limit of every hand-off through Redis: a token that goes round the processes, published from one to the next. It is no
// lock at all: nothing is kept, and a lost message is the end of it.
import { connect, versionOf } from './clients.mjs';

export default [
  {
    name: 'bare publish',
    version: `ioredis ${versionOf('ioredis')}`,
    base: 'raw',
    note: 'a message from process to process, no lock',
    takesPart: (scenario) => scenario.across === true,
    async create({ port, index, processes }) {
      const publisher = await connect(port);
      const subscriber = await connect(port);
      const channelOf = (process) => `bare:${process % processes}`;
      let here = index === 0;
      let running = false;
      let batch = 0; // The callers that were waiting when the token came: it stays for them, as a lease of ours does.
      let waiting = [];

      const start = () => {
        running = true;
        waiting.shift()(release);
      };
      const arrived = () => {
        here = true;
        batch = waiting.length;
        if (batch > 0) start();
      };
      const release = () => {
        running = false;
        batch -= 1;
        if (batch > 0) {
          start();
          return Promise.resolve();
        }
        here = false;
        return publisher.publish(channelOf(index + 1), 'go');
      };

      subscriber.on('message', arrived);
      await subscriber.subscribe(channelOf(index));
      return {
        acquire: () =>
          new Promise((resolve) => {
            waiting.push(resolve);
            if (here && !running) arrived();
          }),
        /** After a round, waiting callers would wait for others that want nothing more: they get nothing. */
        rest() {
          const left = waiting;
          waiting = [];
          batch = Math.min(batch, 1);
          for (const resolve of left) resolve(undefined);
        },
        close: () => Promise.all([publisher.quit(), subscriber.quit()]),
      };
    },
  },
];
