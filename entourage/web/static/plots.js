// Saves a plot as a PNG: the SVG with its colours written into it, painted at twice its size on a canvas.
const looks = ['fill', 'fill-opacity', 'stroke', 'stroke-opacity', 'stroke-width', 'stroke-linejoin', 'font-family', 'font-size', 'font-weight', 'text-anchor'];

function still(svg) {
  const copy = svg.cloneNode(true);
  const parts = [svg, ...svg.querySelectorAll('*')], copies = [copy, ...copy.querySelectorAll('*')];
  parts.forEach((part, place) => {
    const style = getComputedStyle(part);
    for (const look of looks) copies[place].style.setProperty(look, style.getPropertyValue(look));
  });
  return copy;
}

async function picture(svg, title) {
  const { width, height } = svg.viewBox.baseVal, room = 44, edge = 16;
  const copy = still(svg);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', width);
  copy.setAttribute('height', height);
  const image = new Image(), text = new XMLSerializer().serializeToString(copy).toWellFormed();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, ''))}`;
  await image.decode();
  const canvas = document.createElement('canvas'), scale = Math.max(2, 1300 / width);
  canvas.width = (width + 2 * edge) * scale;
  canvas.height = (height + room + edge) * scale;
  const paint = canvas.getContext('2d'), style = getComputedStyle(svg.closest('.sheet') ?? document.body);
  paint.scale(scale, scale);
  paint.fillStyle = style.backgroundColor;
  paint.fillRect(0, 0, canvas.width, canvas.height);
  paint.fillStyle = style.color;
  paint.font = `600 15px ${style.fontFamily}`;
  paint.fillText(title, edge, 26);
  paint.drawImage(image, edge, room, width, height);
  return new Promise((done) => canvas.toBlob(done, 'image/png'));
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-save-plot]');
  if (!button) return;
  const figure = button.closest('.figure'), svg = figure.querySelector('svg.plot');
  const blob = await picture(svg, figure.dataset.title ?? document.title);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${button.dataset.savePlot}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});
for (const button of document.querySelectorAll('[data-save-plot]')) button.hidden = false;
document.addEventListener('htmx:afterSettle', () => { for (const button of document.querySelectorAll('[data-save-plot]')) button.hidden = false; });

// Channels that are ticked to be compared stay so while one looks for the next; no more than fit beside each other.
const picked = document.getElementById('picked'), list = '#list input[name=with]';
const full = document.getElementById('full'), most = Number(picked?.dataset.most);
const chosen = () => [...picked.querySelectorAll('input')].map((one) => one.value);
function pick(box) {
  const kept = [...picked.querySelectorAll('input')].find((one) => one.value === box.value);
  if (!box.checked) kept?.parentElement.remove();
  else if (!kept && chosen().length < most) {
    const chip = document.createElement('label'), tick = document.createElement('input');
    chip.className = 'chip press';
    Object.assign(tick, { type: 'checkbox', name: 'with', value: box.value, checked: true });
    chip.append(tick, box.dataset.name);
    full.before(chip);
  }
  mirror();
}
function mirror() {
  const values = chosen();
  for (const box of document.querySelectorAll(list)) {
    box.checked = values.includes(box.value);
    box.disabled = !box.checked && values.length >= most;
  }
  full.textContent = values.length >= most ? 'No more fit beside each other; take one away to choose another.' : '';
  picked.hidden = values.length === 0;
  picked.querySelector('button').disabled = values.length < 2;
}
if (picked) {
  document.getElementById('compare-ticked')?.remove();
  document.getElementById('compare').addEventListener('change', (event) => pick(event.target));
  document.addEventListener('htmx:afterSettle', () => { document.getElementById('compare-ticked')?.remove(); mirror(); });
  for (const box of document.querySelectorAll(`${list}:checked`)) pick(box);
}
