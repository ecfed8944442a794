// What keeps a page true and at hand while it stands open.
(() => {
  // How long ago things were, as words.py says it, by the server's clock.
  const aheadMs = Date.now() - Number(document.currentScript.dataset.now);
  const spans = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const ago = pastS => {
    if (pastS < 5) return 'just now';
    const [name, unitS] = spans.find(([, each]) => pastS >= each);
    return `${Math.floor(pastS / unitS)} ${name} ago`;
  };
  setInterval(() => {
    const nowMs = Date.now() - aheadMs;
    for (const one of document.querySelectorAll('time[datetime]')) {
      const says = ago((nowMs - Date.parse(one.dateTime)) / 1000);
      if (one.textContent !== says) one.textContent = says;
    }
  }, 5000);

  // A part that is drawn anew takes the link along that had the focus: its like gets it, so that Tab goes on from there.
  let last = null;
  const alike = one => [...document.querySelectorAll('#content a[href]')].filter(
    each => each.getAttribute('href') === one.getAttribute('href'));
  document.addEventListener('focusin', event => {
    const one = event.target.closest('#content a[href]');
    last = one && { one, place: alike(one).indexOf(one) };
  });
  document.addEventListener('pointerdown', () => { last = null; });
  new MutationObserver(() => {
    if (last === null || last.one.isConnected || document.activeElement !== document.body) return;
    const found = alike(last.one);
    found[Math.min(last.place, found.length - 1)]?.focus({ preventScroll: true });
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
