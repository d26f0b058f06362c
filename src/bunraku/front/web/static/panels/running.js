// What runs, from the API's own Query, with a picture of each.

import { make, word } from '../dom.js';
import { t } from '../i18n.js';

export const running = {
  id: 'running',
  title: 'Running',
  create(desk) {
    const rows = new Map();
    const title = word('h2', 'Running', { id: 'running-title' });
    const none = make('li', { className: 'none' }, word('span', 'Nobody is on stage.'));
    const list = make('ul', { id: 'running', className: 'running', 'aria-labelledby': title.id }, none);

    function row(task) {
      const picture = make('img', { alt: '', width: 40, height: 40 });
      const name = make('span', { className: 'name', dir: 'auto', textContent: `${task.RoomId} / ${task.StreamId}` });
      name.title = `${task.TaskId}, ${new Date(task.CreateTime * 1000).toLocaleString()}`;
      const watch = make('button', { type: 'button', onclick: () => desk.attempt(() => desk.watch(task)) });
      const stop = word('button', 'Stop', { type: 'button', onclick: () => desk.attempt(() => desk.stop(task)) });
      const buttons = make('span', { className: 'buttons' }, watch, stop);
      const made = make('li', { dataset: { task: task.TaskId } }, picture, make('span', { className: 'dot' }), name, buttons);
      return { made, picture, watch };
    }

    async function look() {
      const { app } = desk;
      if (!app) return;
      const { TaskList } = await desk.call('QueryDigitalHumanStreamTasks', {}, true);
      if (app !== desk.app) return;
      const here = new Set(TaskList.map((task) => task.TaskId));
      for (const id of [...rows.keys()]) if (!here.has(id)) rows.delete(id);
      for (const task of TaskList) {
        if (!rows.has(task.TaskId)) rows.set(task.TaskId, row(task));
        const { made, picture, watch } = rows.get(task.TaskId);
        made.dataset.status = task.Status;
        watch.disabled = desk.task?.TaskId === task.TaskId;
        watch.textContent = t(watch.disabled ? 'Watching' : 'Watch');
        if (task.Status === 3 && !document.hidden) {
          picture.src = `/console/snapshot/${app.appId}/${task.TaskId}?${Date.now()}`;
        }
      }
      list.replaceChildren(...(TaskList.length ? TaskList.map((task) => rows.get(task.TaskId).made) : [none]));
    }

    return { element: make('section', {}, title, list), look, app: look, task: look };
  },
};
