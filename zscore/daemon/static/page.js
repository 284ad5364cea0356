// Brings the page up to date without losing the reader's place.
'use strict';
setInterval(async () => {
  if (document.hidden || getSelection().type === 'Range') return;
  try {
    const answer = await fetch('/');
    if (!answer.ok) throw new Error(answer.statusText);
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
    document.querySelector('main').replaceWith(next.querySelector('main'));
    document.title = next.title;
  } catch {
    document.querySelector('.at').textContent = 'out of date: spikewatch does not answer';
  }
}, 5000);
