// Keeps a process busy for a share of the time, in chunks: what garbage collections, rendering or parsing do to an event loop.

/** Starts it. The function that it returns ends it and tells which share of the time it took. */
export function startLoad({ share, chunk: [shortest, longest] }) {
  const started = performance.now();
  let spent = 0;
  let seed = 1;
  let timer;
  const next = () => {
    // Lehmer's generator: the same chunks in every run.
    seed = (seed * 48_271) % 2_147_483_647;
    const began = performance.now();
    const until = began + shortest + (longest - shortest) * (seed / 2_147_483_647);
    while (performance.now() < until);
    const now = performance.now();
    spent += now - began;
    // What a timer was late by is made up for.
    timer = setTimeout(next, Math.max(1, spent / share - (now - started)));
  };
  timer = setTimeout(next, 1);
  return () => {
    clearTimeout(timer);
    return spent / (performance.now() - started);
  };
}
