// Everything one can use that a screen reader could not name.
() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a, progress')]
  .filter((e) => e.checkVisibility())
  .filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim() && !e.title)
  .map((e) => e.outerHTML.slice(0, 120))
