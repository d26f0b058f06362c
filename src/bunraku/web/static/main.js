import { CallError, LoginRequired, call, login, roomToken, state } from './api.js';
import { Room } from './room.js';
import { Whep } from './whep.js';

const $ = (id) => document.getElementById(id);
const ui = {
  appId: 0,
  humans: [],
  human: null,
  task: null, // {TaskId, RoomId, StreamId} on the stage
  player: null,
  room: null,
};
window.bunraku = ui; // for automated checks of the console

function log(text, bad = false) {
  const item = document.createElement('li');
  item.textContent = `${new Date().toLocaleTimeString()}  ${text}`;
  item.classList.toggle('bad', bad);
  $('log').prepend(item);
  while ($('log').children.length > 60) $('log').lastChild.remove();
}

/** Run what a person asked for; failures are shown, never swallowed. */
async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LoginRequired) $('login').showModal();
    else log(error instanceof CallError ? `${error.code} ${error.message}` : error.message, true);
    return undefined;
  }
}

// --- who and which voice

function showCast() {
  $('cast').replaceChildren(...ui.humans.map((human) => {
    const card = document.createElement('button');
    card.type = 'button';
    card.className = 'card';
    card.setAttribute('role', 'radio');
    card.setAttribute('aria-checked', String(human === ui.human));
    const picture = document.createElement('img');
    picture.src = new URL(human.AvatarUrl, location.href).pathname;
    picture.alt = '';
    const name = document.createElement('span');
    name.textContent = human.Name;
    card.append(picture, name);
    card.onclick = () => {
      ui.human = human;
      showCast();
    };
    return card;
  }));
}

async function load() {
  const { apps } = await state();
  $('app').replaceChildren(...apps.map((app) => new Option(`${app.name} · ${app.appId}`, app.appId)));
  ui.appId = apps.length ? apps[0].appId : 0;
  if (ui.appId) await loadApp();
}

async function loadApp() {
  const humans = await call(ui.appId, 'GetDigitalHumanList', {});
  ui.humans = humans.DigitalHumans;
  [ui.human] = ui.humans;
  showCast();
  const timbres = [];
  for (let total = 1; timbres.length < total;) {
    const page = await call(ui.appId, 'GetTimbreList', { Offset: timbres.length, Limit: 20 });
    total = page.Total;
    if (!page.Timbres.length) break;
    timbres.push(...page.Timbres);
  }
  $('timbre').replaceChildren(...timbres.map((t) => new Option(t.Name, t.TimbreId)));
  await refresh();
}

// --- the stage

function showGestures() {
  const names = ui.task ? ui.human.Actions.map((a) => a.Action) : [];
  $('gestures').replaceChildren(...names.map((name) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = name.replaceAll('_', ' ');
    button.onclick = () => attempt(() => call(ui.appId, 'DoAction', { TaskId: ui.task.TaskId, Action: name }));
    return button;
  }));
}

function onRoomEvent(event) {
  if (event.event === 'login' || event.event === 'streams') {
    const ours = (event.streams || []).some((s) => s.streamID === ui.task?.StreamId);
    if (event.update === 'DELETE' && ours) leave();
    else if (ours) attempt(play);
  } else if (event.event === 'message') {
    const message = JSON.parse(event.content);
    if (message.Cmd === 1001) {
      log(message.Data.Status === 2 ? 'speaking' : 'silent');
      clearCaption();
      spokenSince = performance.now();
    } else if (message.Cmd === 2001) showWords(message.Data.Words);
  } else if (event.event === 'error') log(`${event.code} ${event.message}`, true);
}

// Words come ahead of their sound, with times from the start of their drive.
let said = [];
let spokenSince = 0;
let wordTimers = [];

function clearCaption() {
  wordTimers.forEach(clearTimeout);
  wordTimers = [];
  said = [];
  $('caption').hidden = true;
}

function showWords(words) {
  for (const word of words) {
    const wait = Math.max(0, spokenSince + word.StartMs - performance.now());
    wordTimers.push(setTimeout(() => {
      said = [...said, word.Text].slice(-9);
      $('caption').textContent = said.join(' ');
      $('caption').hidden = false;
    }, wait));
  }
}

async function watch(task) {
  await leave();
  ui.task = task;
  const { token, userId } = await roomToken(ui.appId);
  ui.token = token;
  ui.room = new Room({ appId: ui.appId, roomId: task.RoomId, token, userId, onevent: onRoomEvent });
  showGestures();
  refresh();
}

async function play() {
  if (ui.player) return;
  const player = new Whep({
    onstate: (s) => {
      $('link').textContent = s === 'connected' ? 'connected' : s;
    },
  });
  ui.player = player;
  const video = $('video');
  video.srcObject = player.stream;
  try {
    await player.play(`/whep/${ui.appId}/${ui.task.StreamId}`, ui.token);
  } catch (error) {
    ui.player = null;
    throw error;
  }
  $('frame').dataset.state = 'live';
  $('badge').hidden = false;
  video.muted = false;
  await video.play().catch(async () => {
    video.muted = true;
    $('unmute').hidden = false;
    await video.play();
  });
}

async function leave() {
  ui.room?.close();
  await ui.player?.close();
  Object.assign(ui, { room: null, player: null, task: null });
  $('frame').dataset.state = 'empty';
  $('frame').style.background = '';
  $('badge').hidden = true;
  $('unmute').hidden = true;
  clearCaption();
  $('link').textContent = '';
  showGestures();
}

// --- what people do

$('app').onchange = () => attempt(async () => {
  await leave();
  ui.appId = Number($('app').value);
  await loadApp();
});

$('create').onclick = () => attempt(async () => {
  const id = Math.random().toString(36).slice(2, 8);
  const [Width, Height] = $('size').value.split('x').map(Number);
  const place = { RoomId: `room-${id}`, StreamId: `stream-${id}` };
  const { TaskId } = await call(ui.appId, 'CreateDigitalHumanStreamTask', {
    DigitalHumanConfig: { DigitalHumanId: ui.human.DigitalHumanId, BackgroundColor: $('colour').value },
    RTCConfig: place,
    VideoConfig: { Width, Height },
  });
  log(`created ${TaskId.slice(0, 8)}`);
  await watch({ TaskId, ...place });
  $('frame').style.background = $('colour').value;
});

async function speak(InterruptMode) {
  const text = $('text').value.trim();
  if (!ui.task || !text) return;
  await call(ui.appId, 'DriveByText', {
    TaskId: ui.task.TaskId,
    Text: text,
    InterruptMode,
    TTSConfig: {
      TimbreId: $('timbre').value,
      SpeechRate: Number($('rate').value),
      PitchRate: Number($('pitch').value),
      Volume: Number($('volume').value),
    },
  });
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
  }
};

const interrupt = () => attempt(async () => {
  if (ui.task) await call(ui.appId, 'InterruptDriveTask', { TaskId: ui.task.TaskId });
  clearCaption();
});
$('interrupt').onclick = interrupt;
document.onkeydown = (event) => {
  if (event.key === 'Escape' && !$('login').open) interrupt();
};

$('stop').onclick = () => attempt(async () => {
  if (ui.task) await call(ui.appId, 'StopDigitalHumanStreamTask', { TaskId: ui.task.TaskId });
  await leave();
  await refresh();
});

$('unmute').onclick = () => {
  $('video').muted = false;
  $('unmute').hidden = true;
};

$('login-form').onsubmit = async (event) => {
  event.preventDefault();
  if (await login($('password').value)) {
    $('login').close();
    attempt(load);
  } else $('login-error').textContent = 'That is not the password.';
};

// --- what runs, from the API's own Query

async function refresh() {
  if (!ui.appId) return;
  const { TaskList } = await call(ui.appId, 'QueryDigitalHumanStreamTasks', {});
  const rows = TaskList.map((task) => {
    const row = document.createElement('li');
    row.dataset.status = task.Status;
    row.dataset.task = task.TaskId;
    const dot = document.createElement('span');
    dot.className = 'dot';
    const name = document.createElement('span');
    name.className = 'name';
    name.textContent = `${task.RoomId} / ${task.StreamId}`;
    name.title = `${task.TaskId}, since ${new Date(task.CreateTime * 1000).toLocaleString()}`;
    const watchButton = document.createElement('button');
    watchButton.type = 'button';
    watchButton.textContent = ui.task?.TaskId === task.TaskId ? 'Watching' : 'Watch';
    watchButton.disabled = ui.task?.TaskId === task.TaskId;
    watchButton.onclick = () => attempt(() => watch(task));
    const stopButton = document.createElement('button');
    stopButton.type = 'button';
    stopButton.textContent = 'Stop';
    stopButton.onclick = () => attempt(async () => {
      await call(ui.appId, 'StopDigitalHumanStreamTask', { TaskId: task.TaskId });
      await refresh();
    });
    row.append(dot, name, watchButton, stopButton);
    return row;
  });
  if (!rows.length) {
    const none = document.createElement('li');
    none.className = 'none';
    none.textContent = 'Nobody is on stage.';
    rows.push(none);
  }
  $('running').replaceChildren(...rows);
}

attempt(load);
setInterval(() => $('login').open || refresh().catch(() => {}), 3000);
window.addEventListener('pagehide', () => ui.player?.close());
