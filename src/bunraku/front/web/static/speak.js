// What is said: text, a file, the microphone; and its end.

import { microphone, playFile } from './audio.js';
import { $ } from './dom.js';
import { clearCaption } from './stage.js';

/** The timbres of an app, or only those of its own that a digital human has. */
export async function timbresOf(call, whose) {
  const timbres = [];
  for (let total = 1; timbres.length < total;) {
    const page = await call('GetTimbreList', { ...whose, Offset: timbres.length, Limit: 20 }, true);
    total = page.Total;
    if (!page.Timbres.length) break;
    timbres.push(...page.Timbres);
  }
  return timbres;
}

/** The voice that fits a digital human: in the reader's language, else in the first the human has. */
async function fitting(human) {
  const answer = await fetch(`/assets/${encodeURIComponent(human.DigitalHumanId)}/voices.json`);
  if (!answer.ok) return undefined;
  const voices = await answer.json();
  const spoken = (tag) => Object.keys(voices).filter((one) => one.split('-')[0] === tag.split('-')[0]);
  const tags = [...navigator.languages.flatMap((tag) => [tag, ...spoken(tag)]), ...Object.keys(voices)];
  const there = new Set([...$('timbre').options].map((one) => one.value));
  return tags.flatMap((tag) => voices[tag] ?? []).find((timbre) => there.has(timbre));
}

/** `queued(DriveId)` hears of what was accepted. */
export function createSpeech(desk, queued) {
  const history = [];
  let recalled = -1;
  let speaking = null; // the microphone, while it is open
  let timbres = [];

  async function say(InterruptMode) {
    const text = $('text').value.trim();
    if (!desk.task || !text) return;
    const { DriveId } = await desk.call('DriveByText', {
      TaskId: desk.task.TaskId,
      Text: text,
      InterruptMode,
      TTSConfig: {
        TimbreId: $('timbre').value,
        SpeechRate: Number($('rate').value),
        PitchRate: Number($('pitch').value),
        Volume: Number($('volume').value),
      },
    });
    queued(DriveId);
    history.unshift(text);
    recalled = -1;
    $('text').value = '';
  }

  const interrupt = () => desk.attempt(async () => {
    if (desk.task) await desk.call('InterruptDriveTask', { TaskId: desk.task.TaskId });
    clearCaption();
  });

  const file = ([first]) => {
    if (first && desk.task) desk.attempt(() => playFile(desk.app.appId, desk.task.TaskId, first));
  };

  async function hush() {
    await speaking?.stop();
    speaking = null;
    $('mic').setAttribute('aria-pressed', 'false');
  }

  $('say').onsubmit = (event) => {
    event.preventDefault();
    desk.attempt(() => say(0));
  };
  $('instead').onclick = () => desk.attempt(() => say(1));
  $('interrupt').onclick = interrupt;
  $('text').onkeydown = (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      desk.attempt(() => say(0));
    } else if (event.key === 'ArrowUp' && ($('text').value === '' || recalled >= 0) && history.length) {
      event.preventDefault();
      recalled = Math.min(recalled + 1, history.length - 1);
      $('text').value = history[recalled];
    }
  };
  document.onkeydown = (event) => {
    if (event.key === 'Escape' && !document.querySelector('dialog[open]')) interrupt();
  };
  $('frame').ondragover = (event) => {
    event.preventDefault();
    $('frame').classList.toggle('dropping', Boolean(desk.task));
  };
  $('frame').ondragleave = () => $('frame').classList.remove('dropping');
  $('frame').ondrop = (event) => {
    event.preventDefault();
    $('frame').classList.remove('dropping');
    file(event.dataTransfer.files);
  };
  $('file').onchange = () => {
    file([...$('file').files]);
    $('file').value = '';
  };
  $('mic').onclick = () => desk.attempt(async () => {
    if (speaking) await hush();
    else if (desk.task) {
      speaking = await microphone(desk.app.appId, desk.task.TaskId);
      $('mic').setAttribute('aria-pressed', 'true');
    }
  });

  return {
    hush,
    /** The voices of everybody again, and then those of `human`. */
    async reload(human) {
      timbres = await timbresOf(desk.call, {});
      await this.choose(human);
    },
    /** Voices for `human`: those only it has in this app come first, and are chosen. */
    async choose(human) {
      if (!human) return;
      const own = await timbresOf(desk.call, { DigitalHumanId: human.DigitalHumanId });
      if (human !== desk.human) return;
      const others = timbres.filter((one) => !own.some((mine) => mine.TimbreId === one.TimbreId));
      $('timbre').replaceChildren(...[...own, ...others].map((one) => new Option(one.Name, one.TimbreId)));
      if (own.length) return;
      const best = await fitting(human);
      if (best && human === desk.human) $('timbre').value = best;
    },
  };
}
