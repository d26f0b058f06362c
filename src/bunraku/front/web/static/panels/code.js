// The very call that was just made, as a program would make it.

import { code as ask, onCall } from '../api.js';
import { button, make, word } from '../dom.js';
import { t } from '../i18n.js';

export const code = {
  id: 'code',
  title: 'Call',
  create(desk) {
    const action = make('code', { id: 'code-action' });
    const shown = make('pre', { id: 'code', className: 'code', tabIndex: 0, 'aria-label': t('The last call, signed') });
    const none = word('p', 'The last call you made is shown here, as a program makes it.', { className: 'none' });
    const copy = word('button', 'Copy', { type: 'button', id: 'copy', className: 'small' });
    copy.onclick = () => desk.attempt(async () => {
      await navigator.clipboard.writeText(shown.textContent);
      copy.textContent = t('Copied');
      setTimeout(() => { copy.textContent = t('Copy'); }, 1500);
    });
    let last = null;
    let language = 'curl';

    async function show() {
      if (!last) return;
      const { appId, name, params } = last;
      const mine = last;
      const found = await ask(appId, name, params).catch(() => null);
      if (mine !== last || !found) return; // another call was made meanwhile
      none.hidden = true;
      row.hidden = false;
      shown.textContent = found[language];
      action.textContent = name;
    }

    const choices = ['curl', 'python', 'node'].map((name) => button(name, () => {
      language = name;
      for (const other of choices) other.setAttribute('aria-pressed', String(other.textContent === name));
      show();
    }, { className: 'small', 'aria-pressed': String(name === language) }));
    const row = make('div', { className: 'row', hidden: true }, make('div', { id: 'code-tabs', className: 'choices', role: 'group', 'aria-label': 'curl, Python, Node' }, ...choices), action, copy);
    onCall((name, params) => {
      last = { appId: desk.app.appId, name, params };
      show();
    });
    return { element: make('div', { className: 'called' }, none, row, shown) };
  },
};
