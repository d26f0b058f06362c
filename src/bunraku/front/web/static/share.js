// The fragment says what to play: #app=…&room=…&stream=…&token=…&user=…

import '/player/element.js';

const wanted = new URLSearchParams(location.hash.slice(1));
const player = document.createElement('bunraku-player');
for (const name of ['app', 'room', 'stream', 'token', 'user', 'fit']) {
  if (wanted.has(name)) player.setAttribute(name, wanted.get(name));
}
if (wanted.get('captions') !== '0') player.setAttribute('captions', '');
document.body.append(player);
