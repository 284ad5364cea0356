// The server renders every page; this script fetches the same pages and puts
// their parts in place. A document that XMLHttpRequest parses runs nothing, and
// no text is turned into markup here, so it works under Trusted Types 'none'.
'use strict';

(() => {
  const every = 2000; // milliseconds between looks for something new
  const byId = (id) => document.getElementById(id);
  const live = byId('live');
  let held = false; // the reader stopped the list
  let latest = 0;   // the newest load; answers to older ones are dropped

  // The place in the page is the fragment; without a script it was the query.
  const place = () => new URLSearchParams(location.hash.slice(1));
  const go = (params) => {
    const next = '#' + params.toString();
    if ((location.hash || '#') === next) load();
    else location.hash = next; // hashchange loads
  };

  const get = (url, type) => new Promise((resolve, reject) => {
    const x = new XMLHttpRequest();
    x.open('GET', url);
    x.responseType = type;
    x.timeout = 10000;
    x.onload = () => (x.response ? resolve(x.response) : reject(new Error('no answer')));
    x.onerror = x.ontimeout = () => reject(new Error('unreachable'));
    x.send();
  });

  const say = (text) => { if (live.textContent !== text) live.textContent = text; };

  // swap puts the new page's part of that id in place of the old one, keeping
  // what the reader was at: how far he had scrolled and which row had the focus.
  const swap = (id, doc) => {
    const old = byId(id), fresh = doc.getElementById(id);
    const main = byId('main');
    if (!fresh) { if (old) old.remove(); return; }
    const part = document.importNode(fresh, true);
    if (!old) { main.append(part); return; }
    const scrolled = new Map([...old.querySelectorAll('[data-scroll]')].map((e) => [e.dataset.scroll, e.scrollTop]));
    const key = old.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    const same = (old.dataset.version || '').split('-')[0] === (part.dataset.version || '').split('-')[0];
    old.replaceWith(part);
    if (same) for (const e of part.querySelectorAll('[data-scroll]')) e.scrollTop = scrolled.get(e.dataset.scroll) || 0;
    if (key) {
      const row = rowsIn(part).find((a) => a.dataset.key === key);
      if (row) row.focus({ preventScroll: true });
    }
  };

  const rowsIn = (part) => (part ? [...part.querySelectorAll('a.row')] : []);

  // load shows the place the address names.
  const load = async (focusTree) => {
    const turn = ++latest;
    const params = place();
    try {
      const doc = await get('/?' + params, 'document');
      if (turn !== latest) return;
      swap('lists', doc);
      swap('tree', doc);
      byId('main').dataset.version = doc.getElementById('main').dataset.version;
      byId('status').replaceChildren(...document.importNode(doc.getElementById('status'), true).childNodes);
      document.title = doc.title;
      if (document.activeElement !== byId('q')) byId('q').value = params.get('q') || '';
      say(held ? 'held' : 'live');
      if (focusTree) { const first = rowsIn(byId('tree'))[0]; if (first) first.focus(); }
    } catch (e) {
      if (turn === latest) say('the server does not answer');
    }
  };

  // look asks whether there is something new, and waits while the reader points
  // at the lists: rows must not move under a click.
  const look = async () => {
    if (!document.hidden && !held) {
      try {
        const state = await get('/api/v1/state', 'json');
        if (state.version === byId('main').dataset.version) say('live');
        else if (byId('lists').matches(':hover') && rowsIn(byId('lists')).length) say('new ones have come: move the pointer off the list');
        else await load();
      } catch (e) { say('the server does not answer'); }
    }
    setTimeout(look, every);
  };

  // Links within the page become changes of the fragment.
  let openTree = false;
  document.addEventListener('click', (e) => {
    const a = e.target.closest('a[href^="/?"]');
    if (!a || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    // detail is 0 for a click made by the Enter key: then the focus goes along.
    openTree = e.detail === 0 && byId('lists').contains(a);
    go(new URLSearchParams(a.getAttribute('href').slice(2)));
  });
  addEventListener('hashchange', () => { load(openTree); openTree = false; });

  const filter = () => {
    const params = place();
    params.delete('q');
    const q = byId('q').value.trim();
    if (q) params.set('q', q);
    go(params);
  };
  byId('q').form.addEventListener('submit', (e) => { e.preventDefault(); filter(); });
  byId('q').addEventListener('search', filter);

  const step = (by) => {
    const tree = byId('tree'), lists = byId('lists');
    const at = document.activeElement;
    const part = lists.contains(at) && rowsIn(lists).includes(at) ? lists : (rowsIn(tree).length ? tree : lists);
    const rows = rowsIn(part);
    const i = rows.indexOf(at);
    const next = rows[i < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, i + by))];
    if (!next) return;
    next.focus({ preventScroll: true });
    next.closest('tr').scrollIntoView({ block: 'nearest' });
  };

  const back = () => {
    const params = place(), trace = params.get('trace');
    if (document.activeElement === byId('q')) { byId('q').blur(); return; }
    if (!trace) return;
    for (const name of ['trace', 'from', 'span']) params.delete(name);
    const row = rowsIn(byId('lists')).find((a) => a.dataset.key === trace);
    if (row) row.focus();
    go(params);
  };

  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === 'Escape') { e.preventDefault(); back(); return; }
    if (e.target.closest('input, textarea')) return;
    switch (e.key) {
      case 'j': step(1); break;
      case 'k': step(-1); break;
      case '/': byId('q').focus(); byId('q').select(); break;
      case '.': held = !held; say(held ? 'held' : 'live'); break;
      default: return;
    }
    e.preventDefault();
  });

  if (location.hash.length > 1) load();
  else {
    history.replaceState(null, '', '/#' + location.search.slice(1));
    say('live');
  }
  setTimeout(look, every);
})();
