// What happened to drives and callbacks, newest first.

import { clock, make, word } from '../dom.js';
import { t } from '../i18n.js';

const KEPT = 80;
const NAMES = { 2: 'speaking', 3: 'failed', 4: 'ended', 5: 'interrupt' };

export const timeline = {
  id: 'timeline',
  title: 'Timeline',
  create() {
    const element = make(
      'ol',
      { id: 'timeline', className: 'timeline', 'aria-labelledby': 'tab-timeline' },
      make('li', { className: 'none' }, word('span', 'Nothing has happened yet.')),
    );
    const started = new Set();
    let seen = 0; // number of the last callback shown

    function add(kind, text, detail, bad) {
      element.querySelector('.none')?.remove();
      element.prepend(make('li', { dataset: { kind } }, make('time', { textContent: clock() }), make('b', { textContent: t(kind) }),
        make('span', { textContent: text, className: bad ? 'bad' : '' }), make('code', { textContent: detail })));
      while (element.children.length > KEPT) element.lastChild.remove();
    }

    return {
      element,
      drive(status, id) {
        started.add(id);
        add('drive', t(NAMES[status] || String(status)), id.slice(0, 8), status === 3);
      },
      /** A call was answered; a drive that speaks at once was told of before. */
      queued(id) {
        if (!started.has(id)) add('drive', t('queued'), id.slice(0, 8), false);
      },
      /** Callbacks as the server tells of them: {Number, EventType, Status, TaskId, Attempts, Delivered}. */
      callbacks(list) {
        for (const one of list.filter((c) => c.Number > seen)) {
          seen = one.Number;
          const kind = { 3: 'task', 101: 'output', 102: 'digital human' }[one.EventType] ?? 'drive';
          const what = `${kind} → ${one.Status}`;
          const how = one.Delivered ? t('delivered') : `${t('failed')} (${one.Attempts})`;
          add('callback', `${what}: ${how}`, one.TaskId.slice(0, 8), !one.Delivered);
        }
      },
    };
  },
};
