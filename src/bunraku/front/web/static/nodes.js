// The nodes of a cluster, below what runs. One server that is whole is no news: then nothing is shown.

import { nodes } from './api.js';
import { make } from './dom.js';
import { t } from './i18n.js';

const STATES = { up: 'up', draining: 'draining', silent: 'no beat', lost: 'given up', gone: 'gone' };
const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

function row(node) {
  const { load } = node;
  const made = make('li', { dataset: { node: node.id, state: node.state } });
  made.title = `${node.version}, ${new Date(node.started_at * 1000).toLocaleString()}`;
  const facts = [
    `${t('tasks')} ${load.tasks}/${load.capacity}`,
    `${t('rooms')} ${load.rooms}`,
    `${t('late')} ${(load.lateness * 1000).toFixed(1)} ms`,
    megabytes(load.memory),
  ];
  made.append(
    make('b', { textContent: node.id }),
    make('span', { className: 'state', textContent: t(STATES[node.state]) }),
    make('small', { textContent: `${node.machine} · ${node.version} · ${t('life')} ${node.epoch}` }),
    make('small', { textContent: facts.join(' · ') }),
  );
  return made;
}

/** Shown after `neighbour`; `log(text, bad)` hears of nodes that come and go. */
export function createNodes(neighbour, log) {
  const title = make('h2', { id: 'nodes-title', textContent: 'Nodes', hidden: true, dataset: { t: '' } });
  const list = make('ul', { id: 'nodes', className: 'nodes', hidden: true });
  list.setAttribute('aria-labelledby', title.id);
  neighbour.after(title, list);
  let known = null;

  return async function show() {
    const found = await nodes();
    const now = new Map(found.map((node) => [node.id, `${t(STATES[node.state])} (${t('life')} ${node.epoch})`]));
    for (const node of found) {
      if (known && known.get(node.id) !== now.get(node.id)) log(`${node.id}: ${now.get(node.id)}`, node.state !== 'up');
    }
    known = now;
    title.hidden = list.hidden = found.length < 2 && found.every((node) => node.state === 'up');
    list.replaceChildren(...found.map(row));
  };
}
