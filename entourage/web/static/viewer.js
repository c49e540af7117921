// The viewer: the next file takes the place of this one without a new page; its neighbours are loaded before they are asked for.
const viewer = () => document.getElementById('viewer');
const key = 'entourage:plain';
let going = null;

function settle() {
  const { newerSrc, olderSrc } = viewer().dataset;
  for (const address of [olderSrc, newerSrc]) if (address) new Image().src = address;
  const plain = localStorage.getItem(key) === 'yes';
  viewer().classList.toggle('plain', plain);
  const info = document.getElementById('info');
  info.setAttribute('aria-pressed', String(!plain));
  info.onclick = () => { localStorage.setItem(key, viewer().classList.contains('plain') ? 'no' : 'yes'); settle(); };
  document.getElementById('full').onclick = full;
  for (const time of document.querySelectorAll('time[data-moment]')) time.title = new Date(time.dateTime).toLocaleString();
}

function full() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.getElementById('stage').requestFullscreen?.();
}

async function go(address) {
  if (!address || going === address) return;
  going = address;
  try {
    const answer = await fetch(address);
    if (!answer.ok || answer.redirected) { location.href = address; return; }
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    if (going !== address) return;
    const wasFull = document.fullscreenElement;
    const next = document.adoptNode(page.getElementById('viewer'));
    if (wasFull) {  // the stage stays, or the browser leaves full screen
      const stage = document.getElementById('stage');
      stage.replaceChildren(...next.querySelector('#stage').childNodes);
      next.querySelector('#stage').replaceWith(document.createElement('i'));
      document.getElementById('about').replaceWith(next.querySelector('#about'));
      for (const name of ['id', 'newer', 'older', 'newerSrc', 'olderSrc', 'close']) {
        if (next.dataset[name] === undefined) delete viewer().dataset[name]; else viewer().dataset[name] = next.dataset[name];
      }
    } else {
      viewer().replaceWith(next);
    }
    document.title = page.title;
    history.replaceState(null, '', address);
    settle();
  } catch {
    location.href = address;
  } finally {
    if (going === address) going = null;
  }
}

document.addEventListener('click', (event) => {
  const turn = event.target.closest('a.turn');
  if (turn && !event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); go(turn.getAttribute('href')); }
});
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input, textarea, select')) return;
  const seeking = event.target.matches('video, audio');
  const { newer, older, close } = viewer().dataset;
  if (event.key === 'ArrowLeft' && !seeking) go(newer);
  else if (event.key === 'ArrowRight' && !seeking) go(older);
  else if (event.key === 'Escape' && !document.fullscreenElement) location.href = close;
  else if (event.key === 'f') full();
  else if (event.key === 'i') document.getElementById('info').click();
  else if (event.key === 'd') document.getElementById('save')?.click();
  else return;
  event.preventDefault();
});
let touched = null;
document.addEventListener('touchstart', (event) => { touched = event.touches.length === 1 ? event.touches[0] : null; }, { passive: true });
document.addEventListener('touchend', (event) => {
  if (!touched || !event.target.closest('#stage')) return;
  const moved = event.changedTouches[0].clientX - touched.clientX, up = Math.abs(event.changedTouches[0].clientY - touched.clientY);
  if (Math.abs(moved) > 60 && up < 60) go(moved > 0 ? viewer().dataset.newer : viewer().dataset.older);
});
settle();
