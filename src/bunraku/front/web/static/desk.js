// The desk: what panels share. It puts them in their places, and tells them what happens.

import { $ } from './dom.js';
import { OFFICE, SIDE, TASK } from './panels/index.js';
import { createTabs } from './tabs.js';

/**
 * `shared` is what a panel may use:
 *   app, humans, task   who and what is chosen: the app as the server described it, its digital humans,
 *                       the task on the stage ({TaskId, RoomId, StreamId}); undefined or null when none
 *   call(action, params, quiet)   an action for that app; `quiet` for what no person asked for
 *   attempt(work, told)   runs `work`; a failure is shown: by `told(text)`, else in the log
 *   log(text, bad)        a line in the log
 *   reloadApps(appId), reloadHumans(), reloadVoices(), refresh()   ask the server again
 *   watch(task), stop(task)   put a task on the stage, end one
 */
export function createDesk(shared) {
  const desk = shared;
  const made = new Map();

  function create({ id, title, create: build }) {
    const panel = { id, title, ...build(desk) };
    made.set(id, panel);
    return panel;
  }

  $('side').append(...SIDE.map(create).map(({ element }) => element));
  const task = createTabs($('task-tabs'), $('task-panels'), TASK.map(create), (id) => made.get(id).show?.());
  const office = createTabs($('office-tabs'), $('office-panels'), OFFICE.map(create), (id) => $('office').open && made.get(id).show?.());

  /** Ids of the panels that a person can see now. */
  const seen = () => [...SIDE.map(({ id }) => id), task.chosen, ...($('office').open ? [office.chosen] : [])];

  /** One panel's trouble does not keep the others from hearing; it is thrown when all have. */
  async function tell(what, ids = [...made.keys()]) {
    const told = await Promise.allSettled(ids.map(async (id) => made.get(id)[what]?.()));
    const failed = told.find(({ status }) => status === 'rejected');
    if (failed) throw failed.reason;
  }

  desk.openOffice = (id = office.chosen) => {
    $('office').showModal();
    office.choose(id);
  };
  $('settings').onclick = () => desk.openOffice();
  $('office-close').onclick = () => $('office').close();
  $('office').onclose = () => tell('closed', OFFICE.map(({ id }) => id));
  task.choose(TASK[0].id);
  office.choose(OFFICE[0].id);

  return {
    /** Hears what happens on the stage and to the app: 'app' or 'task'. */
    tell,
    look: () => tell('look', seen()),
    panel: (id) => made.get(id),
  };
}
