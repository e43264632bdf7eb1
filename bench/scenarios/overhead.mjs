// What the library costs where Redis has no part in it: a Nest application for each row, compared with the first row.
// A row is { name } and what the application is like:
//   module    imports LockModule: 'memory' or 'redis', by its store (else the library is not loaded)
//   storage   an AsyncLocalStorage is in use, as in most applications that trace or log by request
//   calls     of `method`: which method is called
//   handler   of the others: which handler is called

const alike = { module: 'memory' };

export default [
  {
    name: 'method',
    title: 'a service method, called again and again; the key is free, and in memory',
    application: 'method',
    table: 'calls',
    rows: [
      { name: 'bare', ...alike, calls: 'bare' },
      { name: 'bare + ALS', ...alike, calls: 'bare', storage: true },
      { name: "@Locked('stock')", ...alike, calls: 'fixed' },
      { name: "@Locked('stock:{0}')", ...alike, calls: 'template' },
      { name: '@Locked(sku => lockKey…)', ...alike, calls: 'typed' },
      { name: 'using() by hand', ...alike, calls: 'using' },
    ],
    times: { rounds: 3, seconds: 0.2, warmup: 1 },
  },
  {
    name: 'handler',
    title: 'a handler on Fastify, 16 requests at a time; the key is free, and in memory',
    application: 'http',
    table: 'requests',
    rows: [
      { name: 'bare', ...alike, handler: 'bare' },
      { name: 'bare + ALS', ...alike, handler: 'bare', storage: true },
      { name: 'an empty interceptor', ...alike, handler: 'intercepted' },
      { name: "@Locked('order:{params.id}')", ...alike, handler: 'locked' },
    ],
    times: { rounds: 2, seconds: 0.4, warmup: 1.5 },
  },
  {
    name: 'untouched',
    title: 'a bare handler on Fastify, 16 requests at a time, with the module imported and nothing decorated',
    application: 'http',
    table: 'requests',
    rows: [
      { name: 'without the module', handler: 'bare' },
      { name: 'imported, in memory', module: 'memory', handler: 'bare' },
      { name: 'imported, on Redis', module: 'redis', handler: 'bare' },
    ],
    times: { rounds: 2, seconds: 0.4, warmup: 1.5 },
  },
  {
    name: 'start-up',
    title: 'from the start of the process to listening, with the module imported and nothing decorated',
    application: 'start',
    table: 'starts',
    rows: [
      { name: 'without the module', handler: 'bare' },
      { name: 'imported, in memory', module: 'memory', handler: 'bare' },
      { name: 'imported, on Redis', module: 'redis', handler: 'bare' },
    ],
    times: { rounds: 3 },
  },
];
