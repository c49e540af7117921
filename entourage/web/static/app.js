// What every page does: live news, shortcuts, notes in the corner, ticked items. Pages work without it.
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// ---- times, as people say them
const spans = [[60, 's', 1], [3600, 'min', 60], [86400, 'h', 3600], [Infinity, 'day', 86400]];
function span(seconds) {
  const [, unit, step] = spans.find(([limit]) => seconds < limit);
  const count = Math.floor(seconds / step);
  if (unit === 'h') {
    const minutes = Math.floor((seconds % 3600) / 60);
    return minutes ? `${count} h ${minutes} min` : `${count} h`;
  }
  return unit === 'day' ? `${count} day${count === 1 ? '' : 's'}` : `${count} ${unit}`;
}
function distance(at) {
  const ahead = (at - Date.now()) / 1000;
  if (Math.abs(ahead) < 60) return ahead > 10 ? 'in a moment' : 'just now';
  if (Math.abs(ahead) > 31 * 86400) return at.toLocaleDateString(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
  return ahead > 0 ? `in ${span(ahead)}` : `${span(-ahead)} ago`;
}
function times(root = document) {
  for (const time of $$('time[data-moment]', root)) {
    const at = new Date(time.dateTime);
    time.textContent = distance(at);
    time.title = at.toLocaleString(undefined, { dateStyle: 'full', timeStyle: 'short' });
  }
  for (const time of $$('time[data-clock]', root)) {
    const at = new Date(time.dateTime), two = (n) => String(n).padStart(2, '0');
    time.textContent = `${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    time.removeAttribute('data-clock');
  }
}
times();
setInterval(times, 30000);

const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
function size(bytes) {
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit += 1; }
  return `${bytes.toFixed(unit === 0 || bytes >= 100 ? 0 : 1)} ${units[unit]}`;
}

// ---- notes in the corner
export function note(text, mood = 'good', link = null) {
  const toast = document.createElement('div');
  toast.className = `toast ${mood}`;
  const words = document.createElement('span');
  words.textContent = text;
  toast.append(words);
  if (link) {
    const a = document.createElement('a');
    a.href = link.href;
    a.textContent = link.text;
    words.append(' ', a);
  }
  const close = document.createElement('button');
  close.textContent = '×';
  close.setAttribute('aria-label', 'Close');
  close.onclick = () => toast.remove();
  toast.append(close);
  $('#toasts').append(toast);
  setTimeout(() => toast.remove(), mood === 'bad' ? 12000 : 6000);
}

// ---- live news: one stream a visible page
let stream = null, notes = true;
function open() {
  const address = document.body.dataset.live;
  if (!address || stream || document.hidden) return;
  stream = new EventSource(address);
  let first = true;
  stream.addEventListener('hello', (event) => {
    const told = JSON.parse(event.data);
    notes = told.notes;
    badge(told.open);
    document.documentElement.dataset.connected = 'yes';
    if (!first) refresh('queue.changed');
    // What was under way when the page was made may have ended before anybody listened.
    else for (const part of $$('[data-under-way]')) due.set(part.id, setTimeout(() => renew(part.id), 300));
    first = false;
  });
  stream.addEventListener('queue.progress', (event) => progress(JSON.parse(event.data)));
  stream.addEventListener('queue.changed', () => { refresh('queue.changed'); recount(); });
  const shown = ['plan.changed', 'collection.updated', 'connection.changed', 'import.progress', 'import.finished'];
  for (const kind of shown) stream.addEventListener(kind, (event) => refresh(kind, JSON.parse(event.data)));
  stream.addEventListener('missed', () => ['queue.changed', ...shown].forEach((kind) => refresh(kind)));
  stream.addEventListener('queue.finished', (event) => {
    const told = JSON.parse(event.data);
    refresh('queue.finished');
    recount();
    document.dispatchEvent(new CustomEvent('entourage:finished', { detail: told }));
  });
  stream.addEventListener('notice', (event) => {
    const told = JSON.parse(event.data);
    const bad = told.level === 'error' || told.level === 'warning';
    const link = told.queue_id ? { href: `/queue/${told.queue_id}`, text: 'Show' } : null;
    if (notes && !document.hidden) note(told.message || told.title, bad ? 'bad' : 'good', link);
  });
  stream.onerror = () => { if (stream && stream.readyState === EventSource.CLOSED) close(); };
}
function close() {
  if (stream) stream.close();
  stream = null;
}
document.addEventListener('visibilitychange', () => {
  if (document.hidden) close();
  else { open(); refresh('queue.changed'); recount(); }
});
window.addEventListener('pagehide', close);
window.addEventListener('pageshow', open);
open();

function badge(count) {
  const mark = $('#open-items');
  if (!mark) return;
  mark.hidden = !count;
  mark.textContent = count > 999 ? '999+' : count;
  mark.setAttribute('aria-label', `${count} open`);
}
let counting = 0;
function recount() {
  clearTimeout(counting);
  counting = setTimeout(async () => {
    const answer = await fetch('/queue/open', { headers: { Accept: 'application/json' } });
    if (answer.ok) badge((await answer.json()).open);
  }, 700);
}

function progress(told) {
  const row = $(`[data-item="${told.queue_id}"]`);
  if (!row) return;
  if (row.dataset.status !== told.status) refresh('queue.changed');
  const bar = $('progress', row);
  if (bar) bar.value = told.progress;
  const say = (name, text) => { const place = $(`[data-${name}]`, row); if (place) place.textContent = text; };
  if (told.items_total) say('counts', `${told.items_done} of ${told.items_total}`);
  say('speed', told.speed ? `${size(told.speed)}/s` : '');
  say('eta', told.eta ? `${told.progress} % · ${span(told.eta)} left` : `${told.progress} %`);
}

// Parts of a page that show the queue are fetched again when it changes; not faster than can be read.
const due = new Map();
function refresh(kind, told = null) {
  for (const part of $$(`[data-refresh~="${kind}"]`)) {
    if (due.has(part.id)) continue;
    // The page of a channel shows what a run brought when the run is over, and is left alone until then.
    if (told && part.dataset.channel && (String(told.channel_id) !== part.dataset.channel || told.status === 'running')) continue;
    const calm = Number(part.dataset.calm || 900);
    due.set(part.id, setTimeout(() => renew(part.id), calm));
  }
}
function renew(id) {
  due.delete(id);
  const part = document.getElementById(id);
  if (!part || document.hidden) return;
  if (part.contains(document.activeElement) && document.activeElement.matches('select, input:not([type=checkbox])')) {
    due.set(id, setTimeout(() => renew(id), 3000));
    return;
  }
  htmx.ajax('GET', location.pathname + location.search, { source: part, target: part, select: `#${id}`, swap: 'outerHTML' });
}

// What was said stays until something else is said: a part that is fetched again brings nothing of the kind.
document.addEventListener('htmx:oobBeforeSwap', (event) => {
  if (event.detail.target.id === 'said' && !event.detail.fragment.textContent.trim()) event.detail.shouldSwap = false;
});

// ---- what was ticked or unfolded stays so when a part is fetched again
let ticked = [], unfolded = [], focused = '';
document.addEventListener('htmx:beforeSwap', (event) => {
  unfolded = $$('details[open]', event.detail.target).map(foldOf);
  ticked = $$('input[type=checkbox]:checked[id]', event.detail.target).map((box) => box.id);
  focused = document.activeElement?.id || '';
});
document.addEventListener('htmx:afterSettle', (event) => {
  for (const id of ticked) {
    const box = document.getElementById(id);
    if (box) box.checked = true;
  }
  for (const fold of unfolded.length ? $$('details:not([open])', event.target) : []) if (unfolded.includes(foldOf(fold))) fold.open = true;
  if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
  ticks();
  times();
});
function foldOf(details) {
  const place = details.closest('[id]');
  return `${place?.id} ${$$('details', place ?? document).indexOf(details)}`;
}
document.addEventListener('htmx:configRequest', (event) => {
  if (event.detail.verb === 'get') for (const [name, value] of [...event.detail.formData]) if (!value) event.detail.formData.delete(name);
});
document.addEventListener('htmx:responseError', (event) => {
  note(event.detail.xhr.status === 403 ? 'This page is too old; reload it and try again.' : 'That did not work; try again in a moment.', 'bad');
});
document.addEventListener('htmx:sendError', () => note('The server cannot be reached.', 'bad'));
document.addEventListener('htmx:beforeRequest', (event) => {
  const button = event.detail.elt;
  const words = button.dataset?.busy && $('span', button);
  if (!words) return;
  const before = words.textContent;
  words.textContent = button.dataset.busy;
  button.setAttribute('aria-busy', 'true');
  button.addEventListener('htmx:afterRequest', () => { words.textContent = before; button.removeAttribute('aria-busy'); }, { once: true });
});

function ticks() {
  const boxes = $$('#items input[name=id]'), count = boxes.filter((box) => box.checked).length;
  for (const part of $$('[data-when-ticked]')) part.hidden = !count;
  for (const part of $$('[data-when-not-ticked]')) part.hidden = Boolean(count);
  for (const part of $$('[data-ticked]')) part.textContent = count;
  const all = $('[data-tick-all]');
  if (all) {
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  }
}
document.addEventListener('change', (event) => {
  if (event.target.matches('[data-tick-all]')) for (const box of $$('#items input[name=id]')) box.checked = event.target.checked;
  if (event.target.matches('[data-tick-all], #items input[name=id]')) ticks();
});

// ---- questions before what cannot be undone
document.addEventListener('submit', (event) => {
  const words = event.submitter?.dataset.ask || event.target.dataset.ask;
  if (words && !confirm(words)) { event.preventDefault(); event.stopImmediatePropagation(); }
}, true);

// ---- filters apply at once
for (const form of $$('#filters')) {
  if ($('#apply', form)) $('#apply', form).hidden = true;
  form.addEventListener('change', (event) => { if (event.target.type !== 'search') form.requestSubmit(); });
  form.addEventListener('submit', () => { for (const field of form.elements) if (field.name && !field.value) field.disabled = true; });
}

// ---- the add box: Enter adds, Shift+Enter begins a new line
$('#urls')?.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

// ---- settings that were changed and not saved
for (const form of $$('form[data-dirty]')) {
  let dirty = false;
  form.addEventListener('input', () => { dirty = true; });
  form.addEventListener('submit', () => { dirty = false; });
  window.addEventListener('beforeunload', (event) => { if (dirty) event.preventDefault(); });
}

// ---- the log, followed
const tail = $('#tail');
if (tail) {
  tail.hidden = false;
  let timer = 0;
  const look = async () => {
    if (!document.hidden) {
      const query = new URLSearchParams(location.search);
      query.set('after', tail.dataset.newest);
      const answer = await fetch(`/logs/newer?${query}`);
      if (answer.ok) {
        const rows = document.createElement('tbody');
        rows.innerHTML = await answer.text();
        const mark = $('[data-newest]', rows);
        tail.dataset.newest = mark.dataset.newest;
        mark.remove();
        times(rows);
        const table = $('#lines');
        table.prepend(...rows.children);
        while (table.children.length > 1000) table.lastElementChild.remove();
      }
    }
    timer = setTimeout(look, 2000);
  };
  tail.addEventListener('click', () => {
    const on = tail.getAttribute('aria-pressed') !== 'true';
    tail.setAttribute('aria-pressed', on);
    tail.classList.toggle('lit', on);
    $('span', tail).textContent = on ? 'Following' : 'Follow';
    clearTimeout(timer);
    if (on) look();
  });
}

// ---- wide screens show what phones fold away
const narrow = matchMedia('(max-width: 820px)');
for (const part of $$('.spread')) {
  const fold = () => { part.open = !narrow.matches || 'used' in part.dataset; };
  fold();
  narrow.addEventListener('change', fold);
}
document.addEventListener('click', (event) => {
  const more = $('#more');
  if (more && narrow.matches && !more.contains(event.target)) more.open = false;
});
for (const chip of $$('[data-cron]')) {
  chip.hidden = false;
  chip.addEventListener('click', () => {
    const field = $('#cron');
    field.value = chip.dataset.cron;
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
}

for (const chip of $$('[data-depth]')) {
  chip.hidden = false;
  chip.addEventListener('click', () => {
    const numbers = chip.dataset.depth.split(','), fields = $$('[data-depth-field]');
    fields.forEach((field, place) => { field.value = numbers[place]; });
    fields[0]?.dispatchEvent(new Event('input', { bubbles: true }));
  });
}
document.addEventListener('input', (event) => {
  if (!event.target.matches('[data-depth-field]')) return;
  const numbers = $$('[data-depth-field]').map((field) => field.value).join(','), said = $('#depth-said');
  said.textContent = said.dataset.own;
  for (const chip of $$('[data-depth]')) {
    const chosen = chip.dataset.depth === numbers;
    chip.setAttribute('aria-pressed', chosen);
    if (chosen) said.textContent = chip.dataset.words;
  }
});

// ---- pictures that cannot be had: what stands there instead
function stand(picture) {
  if (picture.dataset?.initial === undefined) return;
  const instead = document.createElement('span');
  instead.className = picture.dataset.look ?? picture.className;
  instead.textContent = picture.dataset.initial;
  if (!picture.dataset.look) instead.setAttribute('aria-hidden', 'true');
  picture.replaceWith(instead);
}
document.addEventListener('error', (event) => stand(event.target), true);
for (const picture of $$('img[data-initial]')) if (picture.complete && !picture.naturalWidth) stand(picture);

// ---- keys
const dialog = $('#keys');
$('#open-keys')?.addEventListener('click', (event) => { event.preventDefault(); dialog.showModal(); });
let before = '';
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target.matches('input:not([type=checkbox]), textarea, select, [contenteditable]');
  if (event.key === 'Escape' && typing) { event.target.blur(); return; }
  if (typing || dialog?.open) return;
  const last = before;
  before = '';
  if (event.key === '?' && dialog) dialog.showModal();
  else if (event.key === '/' && $('[data-search]')) { event.preventDefault(); $('[data-search]').focus(); }
  else if (event.key === 'n' && dialog) {
    const box = $('#urls');
    if (box) { event.preventDefault(); box.focus(); } else location.href = '/queue#urls';
  } else if (last === 'g') $(`.go[data-key="${CSS.escape(event.key)}"]`)?.click();
  else if (event.key === 'g') { before = 'g'; setTimeout(() => { before = ''; }, 1200); }
});
if (location.hash === '#urls') $('#urls')?.focus();
