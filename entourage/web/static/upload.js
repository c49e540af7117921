// Sends files to be imported, one after another, and shows how far they are.
const files = document.getElementById('files'), said = document.getElementById('sending'), bar = document.getElementById('sent');

function send(file) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/collecting/imports/upload?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader('X-CSRF-Token', files.dataset.csrf);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.setRequestHeader('Accept', 'application/json');
    request.upload.onprogress = (event) => { if (event.lengthComputable) bar.value = 100 * event.loaded / event.total; };
    request.onload = () => {
      if (request.status === 201) { done(); return; }
      let why = request.status === 401 ? 'You are signed out; sign in again.' : `The server answered ${request.status}.`;
      try { why = JSON.parse(request.responseText).problem ?? why; } catch { /* a page, not an answer of the upload */ }
      failed(new Error(`“${file.name}” was not taken. ${why}`));
    };
    request.onerror = () => failed(new Error('The server cannot be reached.'));
    request.send(file);
  });
}

async function sendAll(chosen) {
  bar.hidden = false;
  try {
    for (const file of chosen) {
      if (file.size > Number(files.dataset.largest)) throw new Error(`“${file.name}” is too large for the browser; name it where it lies.`);
      said.textContent = `Sending ${file.name}…`;
      bar.value = 0;
      await send(file);
    }
    location.assign('/collecting/imports');
  } catch (error) {
    said.textContent = error.message;
    said.setAttribute('role', 'alert');
    bar.hidden = true;
    files.value = '';
  }
}

files.addEventListener('change', () => { if (files.files.length) sendAll([...files.files]); });
for (const kind of ['dragover', 'drop']) {
  document.getElementById('main').addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    if (kind === 'drop') sendAll([...event.dataTransfer.files]);
  });
}
