/** The page of the ticket office. It shows texts of the server as text alone. */
export const OFFICE_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The ticket office</title>
<style>
  :root { color-scheme: light dark; --card: light-dark(#fff, #1d2127); --edge: light-dark(#d9dde3, #343a43);
    --good: light-dark(#17713a, #5fd18a); --bad: light-dark(#b3261e, #ff8a80); --soft: light-dark(#5b6470, #a0a9b4) }
  body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem;
    background: light-dark(#f5f6f8, #13161a); color: light-dark(#1b1f24, #e7eaee) }
  h1 { margin: 0; font-size: 1.6rem } p { margin: .3rem 0 1.2rem; color: var(--soft) }
  .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem }
  article { background: var(--card); border: 1px solid var(--edge); border-radius: .7rem; padding: 1rem 1.2rem }
  h2 { margin: 0 0 .6rem; font-size: 1.1rem }
  button { font: inherit; font-weight: 600; padding: .5rem 1rem; border-radius: .5rem; cursor: pointer;
    border: 1px solid var(--edge); background: light-dark(#eef1f5, #2a3038); color: inherit }
  button:disabled { cursor: wait; opacity: .6 } :focus-visible { outline: 3px solid #4a90e2; outline-offset: 2px }
  dl { display: grid; grid-template-columns: 1fr auto; gap: .15rem .8rem; margin: .9rem 0 0 }
  dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; font-weight: 600 }
  .good { color: var(--good) } .bad { color: var(--bad) }
  .locks { margin-top: 1rem } table { width: 100%; border-collapse: collapse }
  th, td { text-align: left; padding: .3rem .5rem .3rem 0; border-top: 1px solid var(--edge) } th { border: 0 }
  th, .none { color: var(--soft); font-weight: 400 }
</style>
<h1>The ticket office</h1>
<p>100 seats, and 300 buyers at the same moment. Each buyer is a request of its own.</p>
<div class="cards">
  <article aria-labelledby="off"><h2 id="off">Without the lock</h2>
    <button data-lock="off">Sell 300 tickets</button><dl aria-live="polite"></dl></article>
  <article aria-labelledby="on"><h2 id="on">With <code>@Locked</code></h2>
    <button data-lock="on">Sell 300 tickets</button><dl aria-live="polite"></dl></article>
</div>
<article class="locks" aria-labelledby="locks"><h2 id="locks">Locks, live</h2>
  <table><thead><tr><th>key<th>held by<th>for<th>callers that wait</thead><tbody></tbody></table>
  <p><a href="locks">Open the dashboard</a></p>
</article>
<script>
  const ROWS = [['tickets sold', 'sold', 100], ['sold beyond the capacity', 'oversold', 0],
    ['seats sold more than once', 'seatsSoldTwice', 0], ['buyers without a seat of their own', 'buyersWithoutSeat', 0],
    ['told "sold out"', 'soldOut', 200], ['failed', 'failed', 0]];
  const add = (parent, tag, text, name) => {
    const element = parent.appendChild(document.createElement(tag));
    element.textContent = text;
    if (name) element.className = name;
  };
  for (const button of document.querySelectorAll('button')) button.onclick = async () => {
    const list = button.nextElementSibling;
    button.disabled = true;
    list.replaceChildren();
    try {
      const reply = await fetch('sales?lock=' + button.dataset.lock, { method: 'POST' });
      if (!reply.ok) throw new Error('The office replied ' + reply.status + '.');
      const sale = await reply.json();
      for (const [label, name, right] of ROWS) {
        add(list, 'dt', label);
        add(list, 'dd', sale[name], sale[name] === right ? 'good' : 'bad');
      }
      add(list, 'dt', 'took');
      add(list, 'dd', (sale.ms / 1000).toFixed(1) + ' s');
    } catch (error) {
      add(list, 'dt', error.message, 'bad');
    } finally {
      button.disabled = false;
    }
  };
  const body = document.querySelector('tbody');
  const seconds = (ms) => (ms === undefined ? '' : (ms / 1000).toFixed(1) + ' s');
  async function watch() {
    let locks = [];
    try {
      const state = await (await fetch('locks/state')).json();
      locks = state.services.flatMap(({ overview }) => overview?.locks ?? []);
    } catch { /* the next try shows them */ }
    body.replaceChildren();
    for (const { key, holders, waiting } of locks.slice(0, 12)) {
      const row = body.appendChild(document.createElement('tr'));
      for (const text of [key, holders[0]?.label ?? holders[0]?.owner ?? '', seconds(holders[0]?.held), waiting])
        add(row, 'td', text);
    }
    if (locks.length === 0) add(body.appendChild(document.createElement('tr')), 'td', 'No lock is held.', 'none');
    setTimeout(watch, document.hidden ? 2000 : 300);
  }
  watch();
</script>
</html>
`;
