// What the page did, newest first. A failure is shown on the stage too, for as long as it takes to read.

import { $, clock, make, word } from '../dom.js';

const KEPT = 60;
const READ = 8000; // ms

export const log = {
  id: 'log',
  title: 'Log',
  create() {
    const element = make(
      'ol',
      { id: 'log', className: 'log', 'aria-labelledby': 'tab-log' },
      make('li', { className: 'none' }, word('span', 'Nothing has happened yet.')),
    );
    let fading;

    return {
      element,
      add(text, bad = false) {
        element.querySelector('.none')?.remove();
        element.prepend(make('li', { dir: 'auto', textContent: `${clock()}  ${text}`, className: bad ? 'bad' : '' }));
        while (element.children.length > KEPT) element.lastChild.remove();
        if (!bad) return;
        $('notice').textContent = text;
        clearTimeout(fading);
        fading = setTimeout(() => { $('notice').textContent = ''; }, READ);
      },
    };
  },
};
