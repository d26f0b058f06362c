// Who should appear, and how: the cast, the options, and bringing them to life.

import { $, make } from './dom.js';

const KEYS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** `chosen(human)` hears who was picked. Answers `show(humans, human)`. */
export function createCast(chosen) {
  let all = [];

  function mark(human) {
    all.forEach((one, at) => {
      const card = $('cast').children[at];
      card.setAttribute('aria-checked', String(one === human));
      card.tabIndex = one === human ? 0 : -1;
    });
  }

  function pick(human) {
    mark(human);
    chosen(human);
  }

  $('cast').onkeydown = (event) => {
    const step = KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    const at = [...$('cast').children].indexOf(document.activeElement);
    const next = (at + step + all.length) % all.length;
    pick(all[next]);
    $('cast').children[next].focus();
  };

  return function show(humans, human) {
    all = humans;
    $('cast').replaceChildren(...humans.map((one) => {
      // Its size is known before it is there: nothing moves when it comes.
      const picture = make('img', { src: new URL(one.AvatarUrl, window.location.href).pathname, alt: '', width: 320, height: 320 });
      const name = make('span', { textContent: one.Name, dir: 'auto' });
      return make('button', { type: 'button', className: 'card', role: 'radio', onclick: () => pick(one) }, picture, name);
    }));
    mark(human);
    $('create').disabled = !human;
  };
}

const number = (id) => (Number($(id).value) > 0 ? Number($(id).value) : undefined);

/** Parameters of CreateDigitalHumanStreamTask as the form has them. */
export function wanted(human) {
  const id = Math.random().toString(36).slice(2, 8);
  const [Width, Height] = $('size').value.split('x').map(Number);
  const bitrate = number('bitrate');
  const extra = {};
  if ($('transparent').checked) extra.Transparent = true;
  if ($('mood').value) extra.Emotion = $('mood').value;
  if ($('backdrop').value.trim()) extra.BackgroundUrl = $('backdrop').value.trim();
  return {
    DigitalHumanConfig: { DigitalHumanId: human.DigitalHumanId, BackgroundColor: $('colour').value },
    RTCConfig: { RoomId: $('room').value.trim() || `room-${id}`, StreamId: $('stream').value.trim() || `stream-${id}` },
    VideoConfig: { Width, Height, ...(bitrate && { Bitrate: bitrate * 1000 }) },
    ...(number('ttl') && { TTL: number('ttl') }),
    ...(number('idle') && { MaxIdleTime: number('idle') }),
    ...(Object.keys(extra).length && { ExtraConfig: extra }),
  };
}
