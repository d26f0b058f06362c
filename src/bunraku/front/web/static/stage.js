// The stage: the person, captions, gestures, and what is dropped there.

import { ZegoExpressEngine } from '/player/index.js';
import { call, roomToken } from './api.js';
import { $, word } from './dom.js';
import { t } from './i18n.js';

// The operator sees what the server sends, as everybody does who cannot draw.
ZegoExpressEngine.setEngineOptions({ draw: 'never' });

let said = [];
let spokenSince = 0;
let timers = [];

export function clearCaption() {
  timers.forEach(clearTimeout);
  timers = [];
  said = [];
  $('caption').hidden = true;
}

// Words come ahead of their sound, with times from the start of their drive.
function showWords(words) {
  for (const word of words) {
    const wait = Math.max(0, spokenSince + word.StartMs - performance.now());
    timers.push(setTimeout(() => {
      said = [...said, word.Text].slice(-9);
      $('caption').textContent = said.join(' ');
      $('caption').hidden = false;
    }, wait));
  }
}

/** `shake_head` as people write it. */
function spelled(name) {
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** `on` has changed() (of the task), drive(status, driveId), quality(stats), state(text), ended(). */
export function createStage(on) {
  let engine = null;
  let task = null;
  let offered = []; // gestures of who would appear

  function clear() {
    engine?.destroyEngine();
    engine = null;
    task = null;
    $('screen').replaceChildren();
    $('frame').dataset.state = 'empty';
    $('badge').hidden = true;
    $('stage-tools').hidden = true;
    $('unmute').hidden = true;
    clearCaption();
    showGestures(0, offered, true);
  }

  function showGestures(appId, names, disabled) {
    $('gestures').replaceChildren(...names.map((name) => word('button', spelled(name), {
      type: 'button',
      disabled,
      onclick: () => on.attempt(() => call(appId, 'DoAction', { TaskId: task.TaskId, Action: name })),
    })));
  }

  function leave() {
    clear();
    on.changed();
  }

  async function watch(appId, wanted, gestures) {
    clear();
    task = wanted;
    on.changed();
    const { token, userId } = await roomToken(appId);
    if (task !== wanted) return;
    const zg = new ZegoExpressEngine(appId, window.location.origin);
    engine = zg;
    showGestures(appId, gestures, false);
    $('stage-tools').hidden = false;
    zg.on('roomStateChanged', (_, reason) => {
      const words = { LOGINED: 'connected', RECONNECTED: 'connected', RECONNECTING: 'reconnecting' };
      on.state(words[reason] ? t(words[reason]) : '');
    });
    zg.on('recvExperimentalAPI', ({ content }) => {
      const message = JSON.parse(content.msgContent);
      if (message.Product === 'digitalhuman' && message.Cmd === 1001) {
        clearCaption();
        spokenSince = performance.now();
        on.drive(message.Data.Status, message.Data.DriveId);
      }
    });
    zg.on('captions', ({ Words }) => showWords(Words));
    zg.on('playQualityUpdate', (_, stats) => on.quality(stats));
    zg.on('playerStateUpdate', ({ state, errorCode }) => {
      if (state === 'NO_PLAY' && errorCode === 1104039 && engine === zg) on.ended();
    });
    await zg.loginRoom(wanted.RoomId, token, { userID: userId, userName: userId });
    const stream = await zg.startPlayingStream(wanted.StreamId);
    if (engine !== zg) return;
    const view = zg.createRemoteStreamView(stream);
    view.on('autoplayFailed', () => {
      $('unmute').hidden = false;
    });
    view.play($('screen'), { enableAutoplayDialog: false });
    const video = $('screen').querySelector('video');
    // The picture has its own edge, where the figure ends: it must not look like the stage's.
    const fit = () => video.videoWidth && $('screen').style.setProperty('--ratio', video.videoWidth / video.videoHeight);
    video.onresize = fit;
    fit();
    $('unmute').onclick = () => {
      view.setAudioMuted(false);
      $('unmute').hidden = true;
    };
    $('frame').dataset.state = 'live';
    $('badge').hidden = false;
  }

  return {
    watch,
    leave,
    /** What who is chosen can do, shown while nobody is on the stage. */
    offer(gestures) {
      offered = gestures;
      if (!task) showGestures(0, offered, true);
    },
    get task() {
      return task;
    },
    get engine() {
      return engine;
    },
  };
}
