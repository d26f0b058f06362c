// The very call that was just made, as a program would make it.

import { code } from './api.js';
import { $, button } from './dom.js';
import { t } from './i18n.js';

let last = null;
let language = 'curl';

async function show() {
  if (!last) return;
  const shown = last;
  const { appId, action, params } = shown;
  const found = await code(appId, action, params).catch(() => null);
  if (shown !== last) return; // another call was made meanwhile
  if (found) $('code').textContent = found[language];
  $('code-action').textContent = action;
}

export function showCall(appId, action, params) {
  last = { appId, action, params };
  show();
}

export function install() {
  $('code-tabs').replaceChildren(...['curl', 'python', 'node'].map((name) => {
    const tab = button(name, () => {
      language = name;
      for (const other of $('code-tabs').children) other.setAttribute('aria-selected', String(other === tab));
      show();
    });
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-selected', String(name === language));
    return tab;
  }));
  $('copy').onclick = async () => {
    await navigator.clipboard.writeText($('code').textContent);
    $('copy').textContent = t('Copied');
    setTimeout(() => { $('copy').textContent = t('Copy'); }, 1500);
  };
}
