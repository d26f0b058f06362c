// The nodes of a cluster, below what runs. One server that is whole is no news: then nothing is shown.

import { nodes as ask } from '../api.js';
import { date, make, word } from '../dom.js';
import { t } from '../i18n.js';

const STATES = { up: 'up', draining: 'draining', silent: 'no beat', lost: 'given up', gone: 'gone' };
const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

function row(node) {
  const { load } = node;
  const facts = [
    `${t('tasks')} ${load.tasks}/${load.capacity}`,
    `${t('rooms')} ${load.rooms}`,
    `${t('late')} ${(load.lateness * 1000).toFixed(1)} ms`,
    megabytes(load.memory),
  ];
  return make(
    'li',
    { dataset: { node: node.id, state: node.state }, title: `${node.version}, ${date(node.started_at)}` },
    make('b', { textContent: node.id }),
    make('span', { className: 'state', textContent: t(STATES[node.state]) }),
    make('small', { textContent: `${node.machine} · ${node.version} · ${t('life')} ${node.epoch}` }),
    make('small', { textContent: facts.join(' · ') }),
  );
}

export const nodes = {
  id: 'nodes',
  title: 'Nodes',
  create(desk) {
    const title = word('h2', 'Nodes', { id: 'nodes-title' });
    const list = make('ul', { id: 'nodes', className: 'nodes', 'aria-labelledby': title.id, hidden: true });
    const element = make('section', { hidden: true }, title, list);
    let known = null;

    async function look() {
      const found = await ask();
      const now = new Map(found.map((node) => [node.id, `${t(STATES[node.state])} (${t('life')} ${node.epoch})`]));
      for (const node of found) {
        if (known && known.get(node.id) !== now.get(node.id)) desk.log(`${node.id}: ${now.get(node.id)}`, node.state !== 'up');
      }
      known = now;
      element.hidden = list.hidden = found.length < 2 && found.every((node) => node.state === 'up');
      list.replaceChildren(...found.map(row));
    }

    return { element, look };
  },
};
