// What runs, from the API's own Query, with a picture of each.

import { call } from './api.js';
import { $, button, make } from './dom.js';
import { t } from './i18n.js';

/** `on` has watch(task), stop(task); `current()` is the TaskId on the stage. */
export function createRunning(on) {
  const rows = new Map();

  function row(appId, task) {
    const made = make('li', { dataset: { task: task.TaskId } });
    const picture = make('img', { alt: '', width: 40, height: 40 });
    const name = make('span', { className: 'name', textContent: `${task.RoomId} / ${task.StreamId}` });
    name.title = `${task.TaskId}, since ${new Date(task.CreateTime * 1000).toLocaleString()}`;
    const watch = button(t('Watch'), () => on.watch(task));
    const stop = button(t('Stop'), () => on.stop(task));
    made.append(picture, make('span', { className: 'dot' }), name, watch, stop);
    return { made, picture, watch };
  }

  return async function refresh(appId, current) {
    if (!appId) return;
    const { TaskList } = await call(appId, 'QueryDigitalHumanStreamTasks', {}, true);
    const here = new Set(TaskList.map((task) => task.TaskId));
    for (const id of [...rows.keys()]) if (!here.has(id)) rows.delete(id);
    for (const task of TaskList) {
      if (!rows.has(task.TaskId)) rows.set(task.TaskId, row(appId, task));
      const { made, picture, watch } = rows.get(task.TaskId);
      made.dataset.status = task.Status;
      watch.disabled = current === task.TaskId;
      watch.textContent = t(watch.disabled ? 'Watching' : 'Watch');
      if (task.Status === 3 && !document.hidden) {
        picture.src = `/console/snapshot/${appId}/${task.TaskId}?${Date.now()}`;
      }
    }
    const none = make('li', { className: 'none', textContent: t('Nobody is on stage.') });
    $('running').replaceChildren(...(TaskList.length ? TaskList.map((task) => rows.get(task.TaskId).made) : [none]));
  };
}
