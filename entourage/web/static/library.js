// The grid: as tall as the whole library, but only the tiles in sight exist; they are used again while one scrolls.
const grid = document.getElementById('grid');
if (grid) begin();

function begin() {
  const { query, icons } = grid.dataset, pageSize = Number(grid.dataset.size), least = 168, ahead = 900;
  const first = JSON.parse(document.getElementById('first').textContent);
  let total = first.total, columns = 0, cell = 0, gap = 8, width = 0, offset = 0;
  const pages = new Map([[Number(grid.dataset.page), first.tiles]]);   // page number -> tiles, or a promise of them
  const shown = new Map();                                             // position -> element
  const spare = [];
  const picked = new Set();
  let lastPicked = null, cursor = null;

  grid.replaceChildren();
  grid.classList.add('window');
  document.getElementById('pages').remove();
  const key = `entourage:${location.search}`;

  function measure() {
    width = grid.clientWidth;
    const small = matchMedia('(max-width: 820px)').matches;
    gap = small ? 3 : 8;
    columns = Math.max(1, Math.floor((width + gap) / ((small ? Math.min(least, width / 3.2) : least) + gap)));
    cell = (width - gap * (columns - 1)) / columns;
    grid.style.height = `${Math.ceil(total / columns) * (cell + gap)}px`;
    offset = grid.getBoundingClientRect().top + scrollY;
    for (const [position, tile] of shown) place(tile, position);
  }

  function place(tile, position) {
    const x = (position % columns) * (cell + gap), y = Math.floor(position / columns) * (cell + gap);
    tile.style.width = tile.style.height = `${cell}px`;
    tile.style.transform = `translate(${x}px, ${y}px)`;
  }

  function make() {
    const tile = document.createElement('div');
    tile.className = 'tile';
    tile.setAttribute('role', 'listitem');
    const box = document.createElement('input');
    box.type = 'checkbox';
    box.className = 'pick';
    box.tabIndex = -1;
    const a = document.createElement('a');
    const img = document.createElement('img');
    img.alt = '';
    img.decoding = 'async';
    img.addEventListener('error', () => { img.hidden = true; say(tile); });
    const none = document.createElement('span');
    none.className = 'none';
    const from = document.createElement('span');
    from.className = 'from cut';
    const mark = document.createElement('span');
    mark.className = 'mark';
    a.append(img, none, from, mark);
    tile.append(box, a);
    tile.parts = { box, a, img, none, from, mark };
    return tile;
  }

  // Stands where there is no picture: what kind of file it is, and its name.
  function say(tile) {
    const { none } = tile.parts;
    none.innerHTML = `<svg class="icon" aria-hidden="true"><use href="${icons}#${tile.data.kind}"></use></svg>`;
    none.append(tile.data.name);
    none.hidden = false;
  }

  const clock = (seconds) => {
    const whole = Math.round(seconds), two = (n) => String(n).padStart(2, '0');
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  };

  function fill(tile, data, position) {
    const { box, a, img, none, from, mark } = tile.parts;
    if (!data) {
      if (tile.dataset.id !== '') { tile.dataset.id = ''; img.hidden = true; img.removeAttribute('src'); none.hidden = mark.hidden = box.hidden = true; from.textContent = ''; a.removeAttribute('href'); }
      return;
    }
    tile.setAttribute('aria-posinset', position + 1);
    tile.setAttribute('aria-setsize', total);
    const id = String(data.id);
    box.checked = picked.has(data.id);
    if (tile.dataset.id === id) return;
    tile.dataset.id = id;
    box.hidden = false;
    box.setAttribute('aria-label', `Pick ${data.name}`);
    a.href = `/library/${data.id}${query ? `?${query}` : ''}`;
    a.setAttribute('aria-label', `${data.name}, ${data.source}`);
    from.textContent = data.source;
    img.hidden = !data.thumb;
    if (data.thumb) img.src = data.thumb; else img.removeAttribute('src');
    none.hidden = Boolean(data.thumb);
    tile.data = data;
    if (!data.thumb) say(tile);
    const words = data.kind === 'warn' ? 'Failed' : data.seconds ? clock(data.seconds) : data.kind === 'video' ? 'Video' : '';
    mark.hidden = !words;
    mark.textContent = words;
  }

  const at = (position) => {
    const page = pages.get(Math.floor(position / pageSize) + 1);
    return Array.isArray(page) ? page[position % pageSize] : null;
  };

  let wait = 0;
  function want(from, to) {
    clearTimeout(wait);
    const missing = [];
    for (let page = Math.floor(from / pageSize) + 1; page <= Math.floor(to / pageSize) + 1; page += 1) if (!pages.has(page)) missing.push(page);
    // While one scrolls quickly nothing is asked for: only where the eye comes to rest.
    if (missing.length) wait = setTimeout(() => missing.forEach(load), 60);
  }

  async function load(page) {
    if (pages.has(page)) return;
    const asking = fetch(`/library/tiles?${query}${query ? '&' : ''}page=${page}`).then(async (answer) => {
      if (!answer.ok) throw new Error(answer.status);
      const found = await answer.json();
      pages.set(page, found.tiles);
      if (found.total !== total) { total = found.total; measure(); }
      if (pages.size > 60) for (const old of [...pages.keys()].sort((a, b) => Math.abs(b - page) - Math.abs(a - page)).slice(0, 20)) pages.delete(old);
      draw();
    }).catch(() => { pages.delete(page); });
    pages.set(page, asking);
    await asking;
  }

  function draw() {
    if (!cell) return;
    const top = scrollY - offset, row = cell + gap;
    const from = Math.max(0, Math.floor((top - ahead) / row) * columns);
    const to = Math.min(total, Math.ceil((top + innerHeight + ahead) / row) * columns);
    for (const [position, tile] of shown) {
      if (position < from || position >= to) {
        if (tile.contains(document.activeElement)) continue;
        shown.delete(position);
        spare.push(tile);
      }
    }
    for (let position = from; position < to; position += 1) {
      let tile = shown.get(position);
      if (!tile) {
        tile = spare.pop() || grid.appendChild(make());
        shown.set(position, tile);
        place(tile, position);
        tile.position = position;
      }
      fill(tile, at(position), position);
    }
    for (const tile of spare) tile.style.transform = 'translateY(-9999px)';
    if (to > from) want(from, to - 1);
  }

  let drawing = false;
  addEventListener('scroll', () => {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => { drawing = false; draw(); });
  }, { passive: true });
  new ResizeObserver(() => { if (grid.clientWidth !== width) { const seen = Math.max(0, Math.floor((scrollY - offset) / (cell + gap)) * columns); measure(); if (seen) scrollTo(0, offset + Math.floor(seen / columns) * (cell + gap)); draw(); } }).observe(grid);

  measure();
  if (history.scrollRestoration) history.scrollRestoration = 'manual';
  const kept = sessionStorage.getItem(key);
  if (kept) scrollTo(0, Number(kept));
  else if (Number(grid.dataset.page) > 1) scrollTo(0, offset + Math.floor((Number(grid.dataset.page) - 1) * pageSize / columns) * (cell + gap));
  draw();
  addEventListener('pagehide', () => sessionStorage.setItem(key, String(Math.round(scrollY))));

  // ---- picking
  const bar = document.getElementById('bulk');
  function picking() {
    bar.hidden = !picked.size;
    grid.classList.toggle('picking', picked.size > 0);
    bar.querySelector('[data-picked]').textContent = picked.size;
    for (const tile of shown.values()) tile.parts.box.checked = picked.has(Number(tile.dataset.id));
  }
  function pick(position, on, range) {
    const ends = range && lastPicked !== null ? [Math.min(lastPicked, position), Math.max(lastPicked, position)] : [position, position];
    for (let each = ends[0]; each <= ends[1]; each += 1) {
      const data = at(each);
      if (data) { if (on) picked.add(data.id); else picked.delete(data.id); }
    }
    lastPicked = position;
    picking();
  }
  grid.addEventListener('click', (event) => {
    const tile = event.target.closest('.tile');
    if (!tile) return;
    if (event.target.matches('.pick')) pick(tile.position, event.target.checked, event.shiftKey);
    else if (picked.size && event.shiftKey) { event.preventDefault(); pick(tile.position, true, true); }
  });
  document.getElementById('unpick').addEventListener('click', () => { picked.clear(); picking(); });
  bar.addEventListener('submit', () => {
    bar.querySelectorAll('input[name=id]').forEach((field) => field.remove());
    for (const id of picked) {
      const field = document.createElement('input');
      field.type = 'hidden';
      field.name = 'id';
      field.value = id;
      bar.append(field);
    }
  });

  // ---- arrows move among the tiles, x picks
  grid.addEventListener('focusin', (event) => { cursor = event.target.closest('.tile')?.position ?? cursor; });
  document.addEventListener('keydown', (event) => {
    if (event.target.matches('input:not([type=checkbox]), textarea, select') || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    if (event.key === 'x' && cursor !== null) { const data = at(cursor); if (data) pick(cursor, !picked.has(data.id), event.shiftKey); return; }
    if (event.key === 'Escape' && picked.size) { picked.clear(); picking(); return; }
    if (!(event.key in steps) || !grid.contains(document.activeElement)) return;
    event.preventDefault();
    const to = Math.min(total - 1, Math.max(0, (cursor ?? 0) + steps[event.key]));
    const y = offset + Math.floor(to / columns) * (cell + gap);
    if (y < scrollY + 8) scrollTo(0, y - 8);
    else if (y + cell > scrollY + innerHeight - 8) scrollTo(0, y + cell - innerHeight + 8);
    draw();
    shown.get(to)?.parts.a.focus({ preventScroll: true });
    cursor = to;
  });

  // ---- something new came in
  const news = document.getElementById('news');
  let came = 0;
  document.addEventListener('entourage:finished', (event) => {
    came += event.detail.items_done || 0;
    if (!came) return;
    news.hidden = false;
    news.querySelector('span').textContent = `${came} new file${came === 1 ? '' : 's'}`;
  });
  news.querySelector('a').addEventListener('click', () => sessionStorage.removeItem(key));
  window.entourageGrid = { tiles: () => grid.children.length };
}
