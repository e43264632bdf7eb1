/* global document, EventSource, URLSearchParams, requestAnimationFrame */
// The page of the dashboard. Everything that comes from the server becomes a text node, so no key can become an element.
((page) => {
  const base = new URL('.', page.currentScript.src);
  const MOST_ROWS = 200;
  const RETRY = 1500;
  const COLUMNS = ['Key', 'Held by', 'For', 'Lease', 'Waiting'];
  const { body } = page;
  const find = (id) => page.getElementById(id);
  const filter = find('filter');
  const pause = find('pause');
  const dialog = find('dialog');
  const status = find('status');
  const unfolded = new Set();
  const details = new Map();
  const reading = new Set();
  let hello = {};
  let data;
  let paused = false;
  let stream;
  let retry;
  let due = false;

  // Text

  const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
  const code = (char) => `\\u{${char.codePointAt(0).toString(16)}}`;
  const plain = (text) => String(text).replace(INVISIBLE, code);
  const time = (date) => new Date(date).toLocaleTimeString();
  const UNITS = [
    [86400, 'd', 3600, 'h'],
    [3600, 'h', 60, 'min'],
    [60, 'min', 1, 's'],
  ];
  const load = (path, options) => fetch(new URL(path, base), options);

  function span(ms) {
    if (ms === undefined) return '?';
    if (ms < 1000) return `${Math.round(ms)} ms`;
    const s = ms / 1000;
    for (const [size, unit, part, less] of UNITS) {
      if (s >= size) return `${Math.floor(s / size)} ${unit} ${Math.floor((s % size) / part)} ${less}`;
    }
    return `${s.toFixed(s < 10 ? 1 : 0)} s`;
  }

  // Elements: a wanted tree is described, and the page is changed only where it differs, so that the focus stays.

  const ROLES = {
    table: 'table',
    thead: 'rowgroup',
    tbody: 'rowgroup',
    tr: 'row',
    th: 'columnheader',
    td: 'cell',
  };

  /** `h('p.quiet', { key: 'x' }, 'text')`: the class and the properties may be left out. */
  function h(name, ...children) {
    const [tag, type] = name.split('.');
    const [first] = children;
    const props = first?.constructor === Object && !first.tag ? children.shift() : {};
    // The role of a table is lost where the style shows it as cards.
    return { tag, props: { role: ROLES[tag], class: type, ...props }, children };
  }

  function apply(node, props) {
    for (const name of Object.keys({ ...node.props, ...props })) {
      const value = props[name];
      if (name === 'key' || node.props?.[name] === value) continue;
      if (name === 'width') node.style.width = value;
      else if (name.startsWith('on')) node[name] = value;
      else if ((value ?? false) === false) node.removeAttribute(name);
      else node.setAttribute(name, value);
    }
    node.props = props;
  }

  function patch(parent, children) {
    const wanted = children.flat(9).filter((item) => item || item === 0);
    const keys = wanted.map((item, i) => `${item.tag} ${item.props?.key ?? i}`);
    const kept = new Map();
    for (const node of [...parent.childNodes]) {
      if (keys.includes(node.key)) kept.set(node.key, node);
      else node.remove();
    }
    let at = parent.firstChild;
    wanted.forEach((item, i) => {
      const { tag } = item;
      const node = kept.get(keys[i]) ?? (tag ? page.createElement(tag) : page.createTextNode(''));
      node.key = keys[i];
      if (node === at) at = at.nextSibling;
      else parent.insertBefore(node, at);
      if (tag) {
        apply(node, item.props);
        patch(node, item.children);
      } else {
        const text = plain(item);
        if (node.data !== text) node.data = text;
      }
    });
  }

  // What the rows show

  const most = (list, name) => Math.max(0, ...list.map((item) => item[name] ?? 0));
  const order = (a, b) => (a < b ? -1 : 1);
  const round = (ms) => Math.round(ms / 1000);
  const sum = (list, name) => list.reduce((total, item) => total + (item[name] ?? 0), 0);

  function rowsOf({ services }) {
    return services.flatMap(({ name, overview }) =>
      (overview?.locks ?? []).map((lock) => ({
        id: JSON.stringify([name, lock.key]),
        service: name,
        lock,
        waited: most(lock.queue, 'waited'),
        held: most(lock.holders, 'held'),
        holders: lock.holders.length,
      })),
    );
  }

  function matches({ lock, service }) {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const places = [...lock.holders, ...lock.queue, ...lock.queue.flatMap(({ callers }) => callers ?? [])];
    const parts = places.flatMap(({ owner, label, template }) => [owner, label, template]);
    const text = [lock.key, service, lock.kind, ...parts].join('\n').toLowerCase();
    return words.every((word) => text.includes(word));
  }

  const chip = (text, kind = '') => h(`span.chip ${kind}`, text);
  const small = (...parts) => {
    const given = parts.filter(Boolean);
    return given[0] && h('small', given.join(' · '));
  };

  const remark = (count, text) => count > 0 && h('p.quiet', count + text);

  const silence = ({ answered }, kind) => !answered && kind !== 'foreign' && chip('silent', 'warn');

  function lease({ remaining, ttl, renew }) {
    const share = ttl && Math.min(1, remaining / ttl);
    // A renewed lease has two thirds of its time left, unless renewals fail.
    const low = renew !== false && share < 0.5;
    return [
      share >= 0 && h(low ? 'span.bar low' : 'span.bar', h('span', { width: `${share * 100}%` })),
      remaining === null ? 'no end' : `${span(remaining)} left`,
    ];
  }

  function holderCell({ holders, kind, unknown }) {
    const [first] = holders;
    if (!first) return unknown ? 'unknown' : 'nobody';
    return [
      h('strong', kind === 'foreign' ? 'a foreign client' : (first.label ?? first.owner)),
      silence(first, kind),
      holders.length > 1 && chip(`+ ${holders.length - 1}`),
      small(first.label && first.owner, first.site),
    ];
  }

  function row(item) {
    const { id, lock, service, waited } = item;
    const { holders, kind, queue, waiting } = lock;
    const [first] = holders;
    const open = unfolded.has(id);
    const toggle = () => {
      if (!unfolded.delete(id)) unfolded.add(id);
      readDetails();
      render();
    };
    const cells = [
      [
        h('button.key', { 'aria-expanded': `${open}`, onclick: toggle }, lock.key),
        kind !== 'exclusive' && chip(first?.limit ? `${holders.length} of ${first.limit}` : kind),
        service && chip(service),
      ],
      holderCell(lock),
      first && span(first.held),
      first && lease(first),
      [h('strong', waiting), small(`longest ${span(waited)}`)],
    ];
    return [
      h(
        'tr',
        { key: id, class: open && 'open' },
        cells.slice(0, queue[0] ? 5 : 4).map((cell, i) => h('td', { 'data-label': COLUMNS[i] }, cell)),
      ),
      open && h('tr.details', { key: `${id} details` }, h('td', { colspan: 5 }, detailsOf(item))),
    ];
  }

  function trace(id) {
    const { traceUrl } = hello;
    if (!id || !traceUrl) return small(id && `trace ${id}`);
    const href = traceUrl.replaceAll('{trace}', encodeURIComponent(id));
    return h('small', h('a', { href, target: '_blank' }, 'trace'));
  }

  function holderDetails(item, holder, lock) {
    const { owner, label, site, template, since, waited, fence, maxHold, renew } = holder;
    const facts = [
      template && `key ${template}`,
      site,
      since && `since ${time(since)}`,
      waited > 0 && `had waited ${span(waited)}`,
      fence && `fence ${fence}`,
      renew === false && 'is not renewed',
      maxHold && `at most ${span(maxHold)}`,
    ];
    return h(
      'li',
      { key: holder.id },
      h('strong', label ?? owner),
      small(label && owner, ...facts),
      trace(holder.trace),
      hello.release && h('button.bad', { onclick: () => confirmRelease(item, holder, lock) }, 'Release …'),
    );
  }

  function caller({ waited, label, template, site, holds, trace: id }) {
    const about = [site, label && template, holds[0] && `holds ${holds.join(', ')}`];
    return h('li', `${label ?? template ?? 'a caller'} for ${span(waited)}`, small(...about), trace(id));
  }

  function place({ owner, kind, limit, waited, answered, callers = [], more = 0 }) {
    return h(
      'li',
      `${owner} for ${span(waited)}`,
      kind !== 'exclusive' && chip(limit ? `${kind} of ${limit}` : kind),
      silence({ answered }),
      callers[0] && h('ul', callers.map(caller)),
      more > 0 && small(`and ${more} more callers`),
    );
  }

  function detailsOf(item) {
    const lock = details.get(item.id) ?? item.lock;
    const { holders, queue } = lock;
    return [
      h('h3', 'Holders'),
      h(
        'ul.plain',
        holders.map((holder) => holderDetails(item, holder, lock)),
      ),
      queue[0] && [h('h3', 'Queue'), h('ol', queue.map(place))],
    ];
  }

  function table(title, rows, waitedFor) {
    const columns = waitedFor ? COLUMNS : COLUMNS.slice(0, 4);
    return h(
      'div.card',
      { key: title },
      h('h2', `${title} `, h('span.quiet', rows.length)),
      rows[0]
        ? h(
            'table',
            { 'aria-label': title },
            h(
              'thead',
              h(
                'tr',
                columns.map((name) => h('th', name)),
              ),
            ),
            h('tbody', rows.slice(0, MOST_ROWS).map(row)),
          )
        : h('p', 'None.'),
      remark(rows.length - MOST_ROWS, ' more. Narrow the filter.'),
    );
  }

  function figures(rows, processes, silent) {
    const figure = (name, value, warn) => h(warn ? 'div.warn' : 'div', h('dt', name), h('dd', value));
    return h(
      'dl.figures',
      { key: 'figures' },
      figure('Locks held', sum(processes, 'held')),
      figure('Callers waiting', sum(processes, 'waiting')),
      figure('Longest wait', span(most(rows, 'waited'))),
      figure('Processes', new Set(processes.map(({ owner }) => owner)).size),
      silent > 0 && figure('Silent processes', silent, true),
    );
  }

  function deadlock({ links }) {
    return h(
      'div.banner bad',
      { role: 'alert' },
      h('h2', 'Deadlock'),
      h('p', 'These callers wait for each other.'),
      h(
        'ol',
        links.map(({ owner, label, holds, wants }) =>
          h('li', `${label ?? 'A caller'} on ${owner} holds ${holds.join(', ')} and waits for ${wants}.`),
        ),
      ),
    );
  }

  function failure({ name, error, overview }) {
    if (!error) return undefined;
    const of = name ? ` of ${name}` : '';
    const shown = overview ? ` The page shows ${time(overview.at)}.` : '';
    return h(
      'div.banner warn',
      { role: 'alert', key: `failure ${name}` },
      `The locks${of} cannot be read (${error}).${shown}`,
    );
  }

  function list(title, items) {
    return items[0] && h('div.card', { key: title }, h('h2', title), h('ul.plain', items));
  }

  function view() {
    if (!data) return [];
    const overviews = data.services.flatMap(({ overview }) => overview ?? []);
    const all = rowsOf(data);
    const rows = all.filter(matches);
    const told = (name) => overviews.flatMap((overview) => overview[name]);
    const processes = told('processes').sort((a, b) => order(a.owner, b.owner));
    const more = Math.max(
      sum(data.services, 'more') + sum(overviews, 'more'),
      sum(processes, 'held') - sum(all, 'holders'),
    );
    // Times that are nearly equal would swap rows at each refresh.
    const part = (free, by) =>
      rows
        .filter(({ lock }) => !lock.queue[0] === free)
        .sort((a, b) => round(b[by]) - round(a[by]) || order(a.id, b.id));
    return [
      data.services.map(failure),
      told('cycles').map(deadlock),
      remark(sum(overviews, 'moreBlocked'), ' callers left out. Deadlocks may be missed.'),
      figures(all, processes, sum(overviews, 'silent')),
      table('Waited for', part(false, 'waited'), true),
      table('Held', part(true, 'held'), false),
      remark(more, ' more locks are left out.'),
      list(
        'Troubles',
        told('troubles')
          .slice(0, 20)
          .map(({ what, at, key, label, owner, reason }) =>
            h(
              'li',
              chip(what.replace('-', ' '), what === 'lost' ? 'bad' : 'warn'),
              h('strong', key ?? ''),
              small(time(at), label, owner, reason),
            ),
          ),
      ),
      list(
        'Processes',
        processes
          .slice(0, MOST_ROWS)
          .map(({ owner, held: holds, waiting }) =>
            h('li', h('strong', owner), small(`locks held: ${holds}`, `callers waiting: ${waiting}`)),
          ),
      ),
    ];
  }

  function draw() {
    due = false;
    const focused = page.activeElement;
    patch(find('main'), view());
    if (data) find('updated').textContent = time(data.at);
    // A row that moves loses the focus.
    if (focused !== page.activeElement) focused?.focus({ preventScroll: true });
  }

  function render() {
    if (!due) requestAnimationFrame(draw);
    due = true;
  }

  // Release

  async function release({ service, lock }, holder, reason) {
    const response = await load('release', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-nestjs-locked': 'release' },
      body: JSON.stringify({ service, key: lock.key, holder: holder.id, reason }),
    });
    const { released, told, error } = await response.json();
    if (error) return `Not released: ${error}`;
    if (!released) return 'Not released: the holder has gone.';
    return `Released. ${told ? 'The holder has been told.' : 'The holder notices at its next renewal.'}`;
  }

  function confirmRelease(item, holder, lock) {
    const next = lock.queue[0];
    const act = async () => {
      const reason = find('reason').value;
      dialog.close();
      find('notice').textContent = await release(item, holder, reason).catch(
        () => 'Not released: the server does not answer.',
      );
    };
    patch(dialog, [
      h('h2', { id: 'question' }, 'Release this lock?'),
      h('p.subject', item.lock.key),
      h('p', `Holder: ${holder.label ? `${holder.label} on ` : ''}${holder.owner}`),
      h(
        'p',
        next ? `The key goes to the next in the queue: ${next.owner}.` : 'The key becomes free.',
        ' The holder is told that its lock is lost.',
      ),
      h(
        'p.banner warn',
        'The work of the holder is not stopped, only told. From then on two may run at once. Only a fence keeps the former holder from writing.',
      ),
      h('label', 'Reason', h('input', { id: 'reason' })),
      h(
        'p.buttons',
        h('button', { onclick: () => dialog.close(), autofocus: '' }, 'Cancel'),
        h('button.bad', { onclick: act }, 'Release'),
      ),
    ]);
    find('reason').value = '';
    dialog.showModal();
  }

  // Connection

  function connection(state, text) {
    body.className = state;
    // A text that is set again would be read out again.
    if (status.textContent !== text) status.textContent = text;
  }

  async function readDetails() {
    for (const id of unfolded) {
      if (reading.has(id)) continue;
      const [service, key] = JSON.parse(id);
      reading.add(id);
      try {
        const response = await load(`state?${new URLSearchParams({ service, key })}`);
        details.set(id, (await response.json()).lock);
      } catch {
        details.delete(id);
      }
      reading.delete(id);
      render();
    }
  }

  function connect() {
    clearTimeout(retry);
    stream?.close();
    if (paused || page.hidden) return;
    const own = new EventSource(new URL('live', base));
    stream = own;
    const on = (name, act) => own.addEventListener(name, (event) => act(JSON.parse(event.data)));
    on('hello', (message) => (hello = message));
    on('state', (state) => {
      data = state;
      const failed = state.services.some(({ error }) => error);
      connection(failed ? 'lost' : 'live', failed ? 'No answer' : 'Live');
      readDetails();
      render();
    });
    on('renew', connect);
    own.onerror = () => {
      own.close();
      connection('lost', 'Connection lost');
      retry = setTimeout(again, RETRY);
    };
  }

  /** An event stream does not tell why it was refused. */
  async function again() {
    const { status } = await load('state', { redirect: 'manual' }).catch(() => ({}));
    // 0: it leads to a login page.
    if ([0, 401, 403].includes(status)) connection('lost', 'Reload the page to log in.');
    else connect();
  }

  pause.onclick = () => {
    paused = !paused;
    pause.ariaPressed = String(paused);
    connection('', paused ? 'Paused' : 'Connecting');
    connect();
  };
  filter.oninput = render;
  page.addEventListener('visibilitychange', connect);
  connect();
  render();
})(document);
