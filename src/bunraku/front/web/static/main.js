import { CallError, LoginRequired, call, figures, login, onCall, roomToken, state } from './api.js';
import { installApps } from './apps.js';
import { microphone, playFile } from './audio.js';
import * as codePanel from './code.js';
import { $, clock, make } from './dom.js';
import { chosenLanguage, speakLanguage, t } from './i18n.js';
import { createNodes } from './nodes.js';
import { createRunning } from './running.js';
import { clearCaption, createStage } from './stage.js';
import * as strip from './strip.js';
import * as timeline from './timeline.js';

const ui = { appId: 0, apps: [], humans: [], human: null, speaking: null };
window.bunraku = ui; // for automated checks of the console

function log(text, bad = false) {
  $('log').prepend(make('li', { textContent: `${clock()}  ${text}`, className: bad ? 'bad' : '' }));
  while ($('log').children.length > 60) $('log').lastChild.remove();
}

const explain = (error) => (error.code ? `${error.code} ${error.message}` : error.message);

/** Run what a person asked for; failures are shown, never swallowed. */
async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LoginRequired) $('login').open || $('login').showModal();
    else log(explain(error), true);
    return undefined;
  }
}

const stage = createStage({
  attempt,
  drive(status, id) {
    log(t(status === 2 ? 'speaking' : 'silent'));
    timeline.drive(status, id);
  },
  quality: strip.watcher,
  state: (text) => { $('link').textContent = text; },
  ended: () => leave(),
});
ui.stage = stage;

const running = createRunning({
  watch: (task) => attempt(() => watch(task)),
  stop: (task) => attempt(async () => {
    await call(ui.appId, 'StopDigitalHumanStreamTask', { TaskId: task.TaskId });
    await refresh();
  }),
});
const showNodes = createNodes($('running'), log);
const refresh = () => running(ui.appId, stage.task?.TaskId);

async function leave() {
  await ui.speaking?.stop();
  ui.speaking = null;
  await stage.leave();
  strip.clear();
  for (const id of ['share', 'mic']) $(id).disabled = true;
}

async function watch(task) {
  for (const id of ['share', 'mic']) $(id).disabled = false;
  const { human } = await figures(ui.appId, task.TaskId);
  const shown = ui.humans.find((one) => one.DigitalHumanId === human) ?? ui.human;
  const watching = stage.watch(ui.appId, task, shown.Actions.map((a) => a.Action));
  refresh();
  await watching;
}

// --- who and which voice

function showCast() {
  $('cast').replaceChildren(...ui.humans.map((human) => {
    // Its size is known before it is there: nothing moves when it comes.
    const picture = make('img', { src: new URL(human.AvatarUrl, location.href).pathname, alt: '', width: 320, height: 320 });
    const card = make('button', { type: 'button', className: 'card' }, picture, make('span', { textContent: human.Name }));
    card.setAttribute('role', 'radio');
    card.setAttribute('aria-checked', String(human === ui.human));
    card.onclick = () => {
      ui.human = human;
      showCast();
      attempt(chooseVoice);
    };
    return card;
  }));
}

/** The voices of everybody, and those that only who is chosen has in this app; the latter are chosen
 * first, else the voice that fits: in the reader's language, else in the first the human has. */
async function chooseVoice() {
  const human = ui.human;
  if (!human) return;
  const own = await timbresOf({ DigitalHumanId: human.DigitalHumanId });
  if (human !== ui.human) return;
  $('timbre').replaceChildren(...[...own, ...ui.timbres].map((one) => new Option(one.Name, one.TimbreId)));
  if (own.length) return;
  const answer = await fetch(`/assets/${encodeURIComponent(human.DigitalHumanId)}/voices.json`);
  if (!answer.ok || human !== ui.human) return;
  const fitting = await answer.json();
  const spoken = (tag) => Object.keys(fitting).filter((one) => one.split('-')[0] === tag.split('-')[0]);
  const tags = [...navigator.languages.flatMap((tag) => [tag, ...spoken(tag)]), ...Object.keys(fitting)];
  const there = new Set([...$('timbre').options].map((one) => one.value));
  const best = tags.flatMap((tag) => fitting[tag] ?? []).find((timbre) => there.has(timbre));
  if (best) $('timbre').value = best;
}

async function load() {
  await loadApps();
  if (ui.appId) await loadApp();
  else appSettings.open();
}

/** All apps again; `wanted` or the one chosen before stays chosen. */
async function loadApps(wanted = ui.appId) {
  ui.apps = (await state()).apps;
  $('app').replaceChildren(...ui.apps.map((app) => new Option(`${app.name} · ${app.appId}`, app.appId)));
  ui.appId = (ui.apps.find((app) => app.appId === wanted) ?? ui.apps[0])?.appId ?? 0;
  $('app').value = ui.appId || '';
}

async function loadApp() {
  ui.humans = (await call(ui.appId, 'GetDigitalHumanList', {}, true)).DigitalHumans;
  [ui.human] = ui.humans;
  showCast();
  ui.timbres = await timbresOf({});
  await chooseVoice();
  await refresh();
}

async function timbresOf(whose) {
  const timbres = [];
  for (let total = 1; timbres.length < total;) {
    const page = await call(ui.appId, 'GetTimbreList', { ...whose, Offset: timbres.length, Limit: 20 }, true);
    total = page.Total;
    if (!page.Timbres.length) break;
    timbres.push(...page.Timbres);
  }
  return timbres;
}

const appSettings = installApps({
  current: () => ui.apps.find((app) => app.appId === ui.appId),
  humans: () => ui.humans,
  changed: chooseVoice,
  explain,
  async reload(appId) {
    const before = ui.appId;
    await loadApps(appId);
    if (ui.appId === before) return;
    await leave();
    await loadApp();
  },
});

$('app').onchange = () => attempt(async () => {
  await leave();
  ui.appId = Number($('app').value);
  await loadApp();
});

// --- create, with every option

const number = (id) => (Number($(id).value) > 0 ? Number($(id).value) : undefined);

$('create').onclick = () => attempt(async () => {
  const id = Math.random().toString(36).slice(2, 8);
  const [Width, Height] = $('size').value.split('x').map(Number);
  const place = { RoomId: $('room').value.trim() || `room-${id}`, StreamId: $('stream').value.trim() || `stream-${id}` };
  const bitrate = number('bitrate');
  const extra = {};
  if ($('transparent').checked) extra.Transparent = true;
  if ($('mood').value) extra.Emotion = $('mood').value;
  if ($('backdrop').value.trim()) extra.BackgroundUrl = $('backdrop').value.trim();
  const { TaskId } = await call(ui.appId, 'CreateDigitalHumanStreamTask', {
    DigitalHumanConfig: { DigitalHumanId: ui.human.DigitalHumanId, BackgroundColor: $('colour').value },
    RTCConfig: place,
    VideoConfig: { Width, Height, ...(bitrate && { Bitrate: bitrate * 1000 }) },
    ...(number('ttl') && { TTL: number('ttl') }),
    ...(number('idle') && { MaxIdleTime: number('idle') }),
    ...(Object.keys(extra).length && { ExtraConfig: extra }),
  });
  log(`${t('created')} ${TaskId.slice(0, 8)}`);
  await watch({ TaskId, ...place });
});

// --- speak

const history = [];
let recalled = -1;

async function speak(InterruptMode) {
  const text = $('text').value.trim();
  if (!stage.task || !text) return;
  const { DriveId } = await call(ui.appId, 'DriveByText', {
    TaskId: stage.task.TaskId,
    Text: text,
    InterruptMode,
    TTSConfig: {
      TimbreId: $('timbre').value,
      SpeechRate: Number($('rate').value),
      PitchRate: Number($('pitch').value),
      Volume: Number($('volume').value),
    },
  });
  timeline.queued(DriveId);
  history.unshift(text);
  recalled = -1;
  $('text').value = '';
}

$('say').onsubmit = (event) => {
  event.preventDefault();
  attempt(() => speak(0));
};
$('instead').onclick = () => attempt(() => speak(1));
$('text').onkeydown = (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    attempt(() => speak(0));
  } else if (event.key === 'ArrowUp' && ($('text').value === '' || recalled >= 0) && history.length) {
    event.preventDefault();
    recalled = Math.min(recalled + 1, history.length - 1);
    $('text').value = history[recalled];
  }
};

const interrupt = () => attempt(async () => {
  if (stage.task) await call(ui.appId, 'InterruptDriveTask', { TaskId: stage.task.TaskId });
  clearCaption();
});
$('interrupt').onclick = interrupt;
document.onkeydown = (event) => {
  if (event.key === 'Escape' && !document.querySelector('dialog[open]')) interrupt();
};

$('stop').onclick = () => attempt(async () => {
  if (stage.task) await call(ui.appId, 'StopDigitalHumanStreamTask', { TaskId: stage.task.TaskId });
  await leave();
  await refresh();
});

$('frame').ondragover = (event) => {
  event.preventDefault();
  $('frame').classList.toggle('dropping', Boolean(stage.task));
};
$('frame').ondragleave = () => $('frame').classList.remove('dropping');
$('frame').ondrop = (event) => {
  event.preventDefault();
  $('frame').classList.remove('dropping');
  const [file] = event.dataTransfer.files;
  if (file && stage.task) attempt(() => playFile(ui.appId, stage.task.TaskId, file));
};
$('file').onchange = () => {
  const [file] = $('file').files;
  if (file && stage.task) attempt(() => playFile(ui.appId, stage.task.TaskId, file));
  $('file').value = '';
};

$('mic').onclick = () => attempt(async () => {
  if (ui.speaking) {
    await ui.speaking.stop();
    ui.speaking = null;
  } else if (stage.task) ui.speaking = await microphone(ui.appId, stage.task.TaskId);
  $('mic').setAttribute('aria-pressed', String(Boolean(ui.speaking)));
});

$('share').onclick = () => attempt(async () => {
  const { token, userId } = await roomToken(ui.appId);
  const { RoomId, StreamId } = stage.task;
  const wanted = new URLSearchParams({ app: ui.appId, room: RoomId, stream: StreamId, token, user: userId });
  const link = `${location.origin}/share#${wanted}`;
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
  showCast();
  attempt(refresh);
};

async function look() {
  if (!document.hidden && !$('login').open) await showNodes();
  if (!ui.appId || $('login').open || document.hidden) return;
  await refresh();
  const found = await figures(ui.appId, stage.task?.TaskId ?? '');
  if (stage.task && found.figures) strip.server(found.figures);
  timeline.callbacks(found.callbacks);
}

onCall((action, params) => codePanel.showCall(ui.appId, action, params));
codePanel.install();
$('language').value = chosenLanguage();
speakLanguage($('language').value);
attempt(load);
setInterval(() => look().catch(() => {}), 2500);
