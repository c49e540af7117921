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
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  const canvas = document.createElement('canvas'), scale = 2;
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
