// The strip under the stage: what the watcher measures, and what the server does.

import { $, make } from './dom.js';
import { t } from './i18n.js';

const values = new Map();

function show() {
  $('strip').replaceChildren(...[...values].map(([name, text]) => make('span', {}, `${t(name)} `, make('b', { textContent: text }))));
}

export function clear() {
  values.clear();
  show();
}

/** `stats` of the player's playQualityUpdate. */
export function watcher({ video = {}, roundTripTime }) {
  if (video.videoFPS !== undefined) values.set('picture', `${video.frameWidth}×${video.frameHeight} · ${video.videoFPS} fps`);
  if (video.packetsLostRate !== undefined) values.set('lost', `${(video.packetsLostRate * 100).toFixed(1)} %`);
  if (roundTripTime !== undefined) values.set('delay', `${Math.round(roundTripTime * 1000)} ms`);
  show();
}

/** Figures of the server, milliseconds or null. */
export function server(figures) {
  for (const [name, key] of [['render', 'render_ms'], ['encode', 'encode_ms'], ['first sound', 'first_audio_ms'], ['interrupt', 'interrupt_ms']]) {
    const value = figures[key];
    if (value !== null && value !== undefined) values.set(name, `${value.toFixed(value < 10 ? 1 : 0)} ms`);
  }
  if (figures.watchers !== undefined) values.set('watchers', String(figures.watchers));
  show();
}
