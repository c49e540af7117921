// Scroll gently, then through the whole library; how long frames and tasks took (ms), and how many tiles there ever were.
async () => {
  const frames = [], long = [];
  new PerformanceObserver((list) => list.getEntries().forEach((e) => long.push(e.duration))).observe({ type: 'longtask' });
  const height = document.documentElement.scrollHeight - innerHeight;
  let most = 0, last = performance.now();
  const turn = () => new Promise((done) => {
    requestAnimationFrame((now) => {
      frames.push(now - last);
      last = now;
      most = Math.max(most, document.querySelectorAll('#grid .tile').length);
      done();
    });
  });
  const say = (list) => {
    list.sort((a, b) => a - b);
    return { median: list[list.length >> 1], p95: list[Math.floor(list.length * 0.95)], worst: list.at(-1) };
  };
  await turn();
  frames.length = 0;
  for (let step = 0; step < 240; step += 1) { scrollBy(0, 120); await turn(); }
  const gentle = say(frames.splice(0));
  for (let step = 0; step <= 200; step += 1) { scrollTo(0, height * step / 200); await turn(); }
  const fast = say(frames.splice(0));
  return { gentle, fast, long: long.length, longest: Math.max(0, ...long), tiles: most, height };
}
