// Tabs after the ARIA practices: one stop for the Tab key, arrows move, what is chosen is shown.
// https://www.w3.org/WAI/ARIA/apg/patterns/tabs/

import { make, word } from './dom.js';

/**
 * `list` and `host` are empty elements; `tabs` are `{id, title, element}`. `chosen(id)` hears of every choice.
 * Answers `{choose(id), chosen}`.
 */
export function createTabs(list, host, tabs, chosen = () => {}) {
  let now;

  const made = new Map(tabs.map(({ id, title, element }) => {
    const tab = word('button', title, { type: 'button', id: `tab-${id}`, role: 'tab', 'aria-controls': `panel-${id}` });
    const panel = make('div', { id: `panel-${id}`, className: 'tabpanel', role: 'tabpanel', tabIndex: 0, 'aria-labelledby': tab.id }, element);
    tab.onclick = () => choose(id);
    return [id, { tab, panel }];
  }));

  function choose(id) {
    now = id;
    for (const [other, { tab, panel }] of made) {
      tab.setAttribute('aria-selected', String(other === id));
      tab.tabIndex = other === id ? 0 : -1;
      panel.hidden = other !== id;
    }
    chosen(id);
  }

  list.setAttribute('role', 'tablist');
  list.onkeydown = (event) => {
    const ids = [...made.keys()];
    const at = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const to = { Home: 0, End: ids.length - 1 }[event.key] ?? (at && (ids.indexOf(now) + at + ids.length) % ids.length);
    if (to === undefined) return;
    event.preventDefault();
    choose(ids[to]);
    made.get(ids[to]).tab.focus();
  };
  list.replaceChildren(...[...made.values()].map(({ tab }) => tab));
  host.replaceChildren(...[...made.values()].map(({ panel }) => panel));
  return {
    choose,
    get chosen() {
      return now;
    },
  };
}
