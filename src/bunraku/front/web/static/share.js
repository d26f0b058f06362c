// The fragment says what to play: #pass=…, or #app=…&room=…&stream=…&token=…&user=… of one viewer.
// The query says how: ?transparent=1&background=…&captions=0&controls=0&fit=…

import '/player/element.js';

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30000;
const SILENT_MS = 90000; // longer than the player itself waits for a stream
const ENDED = 1104039; // the player waits for the stream's return
const KICKED_OUT = 1002050;

const wanted = new URLSearchParams(location.hash.slice(1));
const look = new URLSearchParams(location.search);
const asked = (name) => look.get(name) ?? wanted.get(name);
const pass = wanted.get('pass');

let player;
let attempt = 0;
let retry;
let watchdog;

/** Undefined when the server gave no place. */
async function place() {
  if (!pass) return Object.fromEntries(wanted);
  const response = await fetch('/share/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ pass }),
  });
  const answer = await response.json();
  if (response.ok) return answer;
  if (asked('controls') !== '0') document.getElementById('notice').textContent = answer.error;
  return undefined;
}

function again() {
  clearTimeout(retry);
  clearTimeout(watchdog);
  const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
  attempt += 1;
  retry = setTimeout(start, wait * (0.7 + 0.6 * Math.random()));
}

function watch() {
  clearTimeout(watchdog);
  watchdog = setTimeout(again, SILENT_MS);
}

async function start() {
  let given;
  try {
    given = await place();
  } catch {
    given = undefined;
  }
  if (!given) {
    again();
    return;
  }
  document.getElementById('notice').textContent = '';
  player?.remove();
  const mine = document.createElement('bunraku-player');
  player = mine;
  for (const name of ['app', 'room', 'stream', 'token', 'user']) {
    if (given[name] !== undefined) mine.setAttribute(name, given[name]);
  }
  if (asked('fit')) mine.setAttribute('fit', asked('fit'));
  if (asked('captions') !== '0') mine.setAttribute('captions', '');
  if (asked('controls') === '0') mine.setAttribute('plain', '');
  mine.addEventListener('state', ({ detail }) => {
    if (mine !== player) return;
    if (detail.state === 'PLAYING') {
      attempt = 0;
      clearTimeout(retry);
      clearTimeout(watchdog);
    } else if (detail.state === 'NO_PLAY' && detail.errorCode && detail.errorCode !== ENDED) again();
    else watch();
  });
  mine.addEventListener('error', ({ detail }) => {
    if (mine !== player) return;
    // Who has one viewer's link on two screens would have them throw each other out for ever.
    if (detail.code === KICKED_OUT && !pass) clearTimeout(watchdog);
    else again();
  });
  watch();
  document.body.append(mine);
}

const background = look.get('background');
if (look.get('transparent') === '1') document.documentElement.classList.add('transparent');
if (background && CSS.supports('background-color', background)) document.body.style.backgroundColor = background;
start();
