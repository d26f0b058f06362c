// The strip under the stage: what the watcher measures, and what the server does.

import { $, make, word } from './dom.js';

const NAMES = ['picture', 'frames', 'lost', 'delay', 'render', 'encode', 'first sound', 'interrupt', 'watchers'];
const SERVER = { render: 'render_ms', encode: 'encode_ms', 'first sound': 'first_audio_ms', interrupt: 'interrupt_ms' };
const NOTHING = '–';

// Every figure has its place from the start: nothing moves when it comes.
const values = new Map(NAMES.map((name) => [name, make('b', { textContent: NOTHING })]));
$('strip').replaceChildren(...[...values].map(([name, value]) => make('span', {}, word('span', name), value)));

const set = (name, text) => { values.get(name).textContent = text; };

export function clear() {
  for (const name of NAMES) set(name, NOTHING);
}

/** `stats` of the player's playQualityUpdate. */
export function watcher({ video = {}, roundTripTime }) {
  if (video.frameWidth) set('picture', `${video.frameWidth}×${video.frameHeight}`);
  if (video.videoFPS !== undefined) set('frames', `${video.videoFPS} fps`);
  if (video.packetsLostRate !== undefined) set('lost', `${(video.packetsLostRate * 100).toFixed(1)} %`);
  if (roundTripTime !== undefined) set('delay', `${Math.round(roundTripTime * 1000)} ms`);
}

/** Figures of the server, milliseconds or null. */
export function server(figures) {
  for (const [name, key] of Object.entries(SERVER)) {
    const value = figures[key];
    if (value !== null && value !== undefined) set(name, `${value.toFixed(value < 10 ? 1 : 0)} ms`);
  }
  if (figures.watchers !== undefined) set('watchers', String(figures.watchers));
}
