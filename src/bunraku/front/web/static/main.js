// The page: what is chosen, what is on the stage, and who hears of it.

import { LoginRequired, call, figures, login, sharePass, state } from './api.js';
import { createCast, wanted } from './cast.js';
import { createDesk } from './desk.js';
import { $ } from './dom.js';
import { chosenLanguage, speakLanguage, t } from './i18n.js';
import { createSpeech } from './speak.js';
import { createStage } from './stage.js';
import * as strip from './strip.js';

const EVERY = 2500; // ms between two looks
const SHARE_SECONDS = 30 * 24 * 3600;
const ui = { appId: 0, apps: [], humans: [], human: null };
window.bunraku = ui; // for automated checks of the console

const gesturesOf = (human) => (human?.Actions ?? []).map((one) => one.Action);
const explain = (error) => (error.code ? `${error.code} ${error.message}` : error.message);

/** Run what a person asked for; failures are shown, never swallowed. */
async function attempt(work, told = (text) => log(text, true)) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LoginRequired) $('login').open || $('login').showModal();
    else told(explain(error));
    return undefined;
  }
}

const log = (text, bad) => panels.panel('log').add(text, bad);
const stage = createStage({
  attempt,
  changed() {
    strip.clear();
    attempt(() => panels.tell('task'));
  },
  drive(status, id) {
    log(t(status === 2 ? 'speaking' : 'silent'));
    panels.panel('timeline').drive(status, id);
  },
  quality: strip.watcher,
  state: (text) => { $('link').textContent = text; },
  ended: () => leave(),
});
ui.stage = stage;

const shared = {
  get app() {
    return ui.apps.find((app) => app.appId === ui.appId);
  },
  get apps() {
    return ui.apps;
  },
  get humans() {
    return ui.humans;
  },
  get human() {
    return ui.human;
  },
  get task() {
    return stage.task;
  },
  call: (action, params, quiet) => call(ui.appId, action, params, quiet),
  attempt,
  log: (text, bad) => log(text, bad),
  refresh: () => panels.tell('look', ['running']),
  reloadApps,
  reloadHumans,
  reloadVoices: () => speech.choose(ui.human),
  watch,
  async stop(task) {
    await shared.call('StopDigitalHumanStreamTask', { TaskId: task.TaskId });
    if (stage.task?.TaskId === task.TaskId) await leave();
    else await shared.refresh();
  },
};
const panels = createDesk(shared);
const speech = createSpeech(shared, (id) => panels.panel('timeline').queued(id));
const showCast = createCast((human) => {
  ui.human = human;
  stage.offer(gesturesOf(human));
  attempt(() => speech.choose(human));
});

async function leave() {
  await speech.hush();
  stage.leave();
}

async function watch(task) {
  const { human } = await figures(ui.appId, task.TaskId);
  const shown = ui.humans.find((one) => one.DigitalHumanId === human) ?? ui.human;
  await stage.watch(ui.appId, task, gesturesOf(shown));
}

// --- apps and people

async function load() {
  ui.apps = (await state()).apps;
  showApps(ui.appId);
  if (ui.appId) await loadApp();
  else shared.openOffice('app');
}

/** `wanted` or the one chosen before is chosen. */
function showApps(wanted_) {
  $('app').replaceChildren(...ui.apps.map((app) => new Option(`${app.name} · ${app.appId}`, app.appId)));
  ui.appId = (ui.apps.find((app) => app.appId === wanted_) ?? ui.apps[0])?.appId ?? 0;
  $('app').value = ui.appId || '';
}

async function reloadApps(appId = ui.appId) {
  const before = ui.appId;
  ui.apps = (await state()).apps;
  showApps(appId);
  if (ui.appId === before) await panels.tell('app');
  else {
    await leave();
    await loadApp();
  }
}

async function everybody() {
  const found = [];
  for (let total = 1; found.length < total;) {
    const page = await shared.call('GetDigitalHumanList', { Offset: found.length, Limit: 20 }, true);
    total = page.Total;
    if (!page.DigitalHumans.length) break;
    found.push(...page.DigitalHumans);
  }
  return found;
}

async function reloadHumans() {
  const chosen = ui.human?.DigitalHumanId;
  ui.humans = (await everybody()).filter((one) => one.AvatarUrl); // who is still being made has none
  ui.human = ui.humans.find((one) => one.DigitalHumanId === chosen) ?? ui.humans[0] ?? null;
  showCast(ui.humans, ui.human);
  stage.offer(gesturesOf(ui.human));
}

async function loadApp() {
  await reloadHumans();
  await speech.reload(ui.human);
  await panels.tell('app');
}

$('app').onchange = () => attempt(async () => {
  await leave();
  ui.appId = Number($('app').value);
  await loadApp();
});

// --- the stage

$('create').onclick = () => attempt(async () => {
  const asked = wanted(ui.human);
  $('create').disabled = true;
  try {
    const { TaskId } = await shared.call('CreateDigitalHumanStreamTask', asked);
    log(`${t('created')} ${TaskId.slice(0, 8)}`);
    await watch({ TaskId, ...asked.RTCConfig });
  } finally {
    $('create').disabled = !ui.human;
  }
});

$('stop').onclick = () => attempt(async () => {
  if (stage.task) await shared.stop(stage.task);
});

$('share').onclick = () => attempt(async () => {
  const { RoomId, StreamId } = stage.task;
  const link = `${window.location.origin}/share#pass=${await sharePass(ui.appId, RoomId, StreamId, SHARE_SECONDS)}`;
  await navigator.clipboard.writeText(link).then(() => log(t('link copied')), () => log(link));
});

// --- the rest of the page

$('login-form').onsubmit = async (event) => {
  event.preventDefault();
  if (await login($('password').value)) {
    $('login').close();
    attempt(load);
  } else $('login-error').textContent = t('That is not the password.');
};

$('language').onchange = () => {
  speakLanguage($('language').value);
  attempt(panels.look);
};

async function look() {
  if (document.hidden || $('login').open) return;
  await panels.look();
  if (!ui.appId) return;
  const found = await figures(ui.appId, stage.task?.TaskId ?? '');
  if (stage.task && found.figures) strip.server(found.figures);
  panels.panel('timeline').callbacks(found.callbacks);
}

/** One look after the other, however long one takes. */
async function keepLooking() {
  await look().catch(() => {});
  setTimeout(keepLooking, EVERY);
}

$('language').value = chosenLanguage();
speakLanguage($('language').value);
attempt(load).then(() => setTimeout(keepLooking, EVERY));
