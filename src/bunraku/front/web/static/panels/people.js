// Digital humans that one app has for itself: made of a picture or a video step by step, seen, named, given a voice,
// deleted.

import { changePerson, makePerson, ownPeople } from '../api.js';
import { make, markup, word } from '../dom.js';
import { t } from '../i18n.js';
import { timbresOf } from '../speak.js';

const STEPS = { // of each kind of source
  photo: ['face', 'landmarks', 'cut-out', 'mouth', 'eyes', 'head', 'pack'],
  video: ['clip', 'face', 'landmarks', 'loop', 'mouth', 'pack'],
  pack: ['pack'],
};
const WORDS = {
  clip: 'Clip', face: 'Face', landmarks: 'Points', 'cut-out': 'Outline', loop: 'Loop', mouth: 'Mouth', eyes: 'Eyes',
  head: 'Head', pack: 'Packed',
};
const EVERY = 500; // ms between two looks while one is made
const PACK = /\.(zip|tar|tgz|tar\.(gz|xz|bz2))$/i;
const VIDEO = /\.(mp4|m4v|mov|webm|mkv|avi|3gp)$/i;
const SECONDS = [20, 180]; // that a video may have
const PATIENCE = 15000; // ms a browser may take to show a still

const kindOf = ({ name, type }) => (PACK.test(name) ? 'pack' : type.startsWith('video/') || VIDEO.test(name) ? 'video' : 'photo');

const built = () => markup`
<section id="people" class="sheet">
  <form id="people-new" class="people-new">
    <div id="people-drop" class="people-drop">
      <canvas id="people-picture" width="0" height="0" hidden role="img" aria-label="The picture" data-t-label="The picture"></canvas>
      <p id="people-hint" data-t>Drop a picture or a video of one person who looks into the camera, or choose one.</p>
      <div class="buttons">
        <label class="file"><span data-t>Choose a file</span> <input id="people-file" type="file" accept="image/*,video/*,.zip,.tar,.tgz,.gz,.xz"></label>
        <label class="file"><span data-t>Take a picture</span> <input id="people-camera" type="file" accept="image/*" capture="user"></label>
        <label class="file"><span data-t>Take a video</span> <input id="people-film" type="file" accept="video/*" capture="user"></label>
      </div>
      <small id="people-length" data-t>A video: half a minute. Sit still and say nothing for ten seconds, then talk.</small>
    </div>
    <div class="fields">
      <label><span data-t>Name</span> <input id="people-name" type="text" maxlength="64" required autocomplete="off"></label>
      <label><span data-t>Voice</span> <select id="people-voice"></select></label>
      <label class="check"><input id="people-consent" type="checkbox" required>
        <span data-t>The person in the picture knows what is made of it and agrees.</span></label>
      <button id="people-make" class="primary" type="submit" data-t>Make</button>
      <ol id="people-steps" class="people-steps" hidden></ol>
      <p id="people-told" class="note" role="status"></p>
      <p id="people-error" class="note bad" role="alert"></p>
    </div>
  </form>
  <ul id="people-list" class="plain people-list" aria-label="People" data-t-label="People"></ul>
</section>`;

/** The picture as large as the canvas's place, and what the maker sees in it. */
function paint(canvas, picture, marks) {
  const scale = Math.min(1, 640 / Math.max(picture.width, picture.height));
  [canvas.width, canvas.height] = [picture.width, picture.height].map((side) => Math.round(side * scale));
  const pen = canvas.getContext('2d');
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  if (!marks) return;
  pen.fillStyle = '#00e08a';
  const side = Math.max(2, canvas.width / 160);
  for (const [x, y] of marks.points) {
    pen.fillRect((x / marks.width) * canvas.width - side / 2, (y / marks.height) * canvas.height - side / 2, side, side);
  }
}

/** Resolves at the event; rejects at an error, or when it takes too long. */
const happens = (element, name) => new Promise((resolve, reject) => {
  const late = setTimeout(() => reject(new Error('late')), PATIENCE);
  element.addEventListener(name, () => { clearTimeout(late); resolve(); }, { once: true });
  element.addEventListener('error', () => { clearTimeout(late); reject(element.error); }, { once: true });
});

/** What a browser can show of a video: its length, and the picture of any second. */
async function opened(file) {
  const film = make('video', { muted: true, playsInline: true, preload: 'auto' });
  const ready = happens(film, 'loadeddata');
  film.src = URL.createObjectURL(file);
  await ready;
  return {
    seconds: film.duration,
    async still(at) {
      if (Math.abs(film.currentTime - at) > 0.01) {
        const there = happens(film, 'seeked');
        film.currentTime = at;
        await there;
      }
      return createImageBitmap(film);
    },
    close: () => URL.revokeObjectURL(film.src),
  };
}

const here = (url) => new URL(url, window.location.href).pathname;

export const people = {
  id: 'people',
  title: 'People',
  create(desk) {
    const element = built();
    const part = (id) => element.querySelector(`#people-${id}`);
    let chosen = null; // {file, kind, film, picture, at} of the form
    let making = ''; // the id of what was made of it
    let timer = 0;
    let known = ''; // of those that are listed
    let voices = [];

    const fail = (text) => { part('error').textContent = text; };
    const attempt = (work) => {
      fail('');
      return desk.attempt(work, fail);
    };

    async function choose(file) {
      if (!file) return;
      chosen?.film?.close();
      const now = { file, kind: kindOf(file), film: null, picture: null, at: 0 };
      chosen = now;
      making = '';
      part('steps').hidden = true;
      part('told').textContent = '';
      part('name').value ||= file.name.replace(/\.[^.]*$/, '').slice(0, 64);
      part('picture').hidden = true;
      part('hint').textContent = file.name;
      if (now.kind === 'pack') return;
      try {
        if (now.kind === 'video') {
          now.film = await opened(file);
          const { seconds } = now.film;
          part('told').textContent = `${Math.round(seconds)} s`;
          if (seconds < SECONDS[0]) part('told').textContent += ` · ${t('It must be longer: 20 seconds to 3 minutes.')}`;
          if (seconds > SECONDS[1]) part('told').textContent += ` · ${t('It must be shorter: 20 seconds to 3 minutes.')}`;
          now.picture = await now.film.still(0);
        } else {
          // Upright, as its camera meant it: what is seen in it is told so.
          now.picture = await createImageBitmap(file, { imageOrientation: 'from-image' });
        }
        if (now !== chosen) return; // another was chosen meanwhile
        paint(part('picture'), now.picture, null);
        part('picture').hidden = false;
      } catch {
        if (now === chosen) fail(t('This file cannot be shown here; it may still do.'));
      }
    }

    /** What the maker sees, over the picture it sees it in. */
    async function showMarks(now, marks) {
      if (!now?.picture) return;
      const at = marks.at ?? now.at;
      if (now.film && at !== now.at) {
        now.at = at;
        now.picture = await now.film.still(at);
      }
      if (now === chosen) paint(part('picture'), now.picture, marks);
    }

    async function begin() {
      if (!chosen) throw new Error(t('Choose a picture or a video first.'));
      const form = new FormData();
      form.append('Name', part('name').value.trim());
      form.append('Source.Type', chosen.kind);
      form.append('Consent', String(part('consent').checked));
      if (part('voice').value) form.append('TimbreId', part('voice').value);
      form.append('File', chosen.file);
      part('make').disabled = true;
      try {
        making = await makePerson(desk.app.appId, form, (share) => {
          part('told').textContent = `${t('Sent')}: ${Math.round(100 * share)} %`;
        });
      } finally {
        part('make').disabled = false;
      }
      await list();
    }

    function showSteps(one) {
      const steps = STEPS[one.source];
      const at = one.state === 'ready' ? steps.length : steps.indexOf(one.step);
      part('steps').hidden = false;
      part('steps').replaceChildren(...steps.map((step, i) => word('li', WORDS[step], {
        dataset: { step, state: i < at ? 'done' : i === at ? 'now' : 'next' },
        ...(i === at && { 'aria-current': 'step' }),
      })));
      const told = { making: `${t('In the making')}: ${one.progress} %`, ready: t('Ready.'), failed: one.failReason };
      part('told').textContent = told[one.state];
      part('told').classList.toggle('bad', one.state === 'failed');
      if (one.marks) showMarks(chosen, one.marks).catch(() => {}); // a still that the browser cannot show
    }

    function card(one) {
      const shown = one.picture
        ? make('img', { src: here(one.picture), alt: '', width: 96, height: 96 })
        : make('progress', { max: 100, value: one.progress, 'aria-label': one.name });
      const facts = make('div', { className: 'facts' }, make('b', { textContent: one.name, dir: 'auto' }));
      if (one.state === 'making') facts.append(make('small', { textContent: `${t(WORDS[one.step] ?? 'Waiting')} · ${one.progress} %` }));
      if (one.state === 'failed') facts.append(make('small', { className: 'bad', dir: 'auto', textContent: one.failReason }));
      one.warnings.forEach((text) => facts.append(make('small', { textContent: text })));
      const tools = make('div', { className: 'buttons' });
      if (one.state === 'ready') tools.append(...change(one, shown));
      tools.append(word('button', 'Delete', {
        type: 'button',
        className: 'small danger',
        onclick: () => window.confirm(`${t('Delete with all files?')} ${one.name}`) && attempt(async () => {
          await desk.call('DeleteDigitalHuman', { DigitalHumanId: one.id });
          await list();
        }),
      }));
      facts.append(tools);
      return make('li', { className: 'person', dataset: { person: one.id, state: one.state } }, shown, facts);
    }

    /** A name, a voice, and a film of how she moves. */
    function change(one, picture) {
      const keep = (values) => attempt(async () => {
        await changePerson(desk.app.appId, one.id, values);
        await list();
        if (desk.human?.DigitalHumanId === one.id) await desk.reloadVoices();
      });
      const voice = make('select', { 'aria-label': t('Voice'), onchange: () => keep({ timbreId: voice.value || null }) });
      voice.append(word('option', 'Voice: any', { value: '' }), ...voices.map((v) => new Option(v.Name, v.TimbreId)));
      voice.value = one.timbreId ?? '';
      return [
        voice,
        word('button', 'Rename', {
          type: 'button',
          className: 'small',
          onclick: () => {
            const name = window.prompt(t('Name'), one.name)?.trim();
            if (name) keep({ name });
          },
        }),
        word('button', 'Preview', {
          type: 'button',
          className: 'small',
          onclick: () => {
            const film = make('video', { src: here(one.film), poster: here(one.picture), autoplay: true, muted: true, loop: true, playsInline: true, width: 96, height: 96 });
            picture.replaceWith(film);
          },
        }),
      ];
    }

    async function list() {
      clearTimeout(timer);
      const { app } = desk;
      element.hidden = !app;
      if (!app) return;
      const found = await ownPeople(app.appId);
      if (app !== desk.app) return;
      const mine = found.find((one) => one.id === making);
      if (mine) showSteps(mine);
      // What has not changed stays as it is: a film that plays, a list that is open.
      const now = JSON.stringify(found.map(({ marks, picture, film, ...rest }) => rest));
      if (now !== known) {
        const ready = (text) => JSON.stringify(JSON.parse(text || '[]').filter((one) => one.state === 'ready'));
        const others = ready(now) !== ready(known);
        known = now;
        part('list').replaceChildren(...found.map(card));
        if (!found.length) part('list').replaceChildren(make('li', { className: 'none' }, word('span', 'Nobody yet.')));
        if (others) await desk.reloadHumans();
      }
      if (found.some((one) => one.state === 'making')) timer = setTimeout(() => desk.attempt(list, fail), EVERY);
    }

    async function show() {
      if (desk.app) {
        voices = await timbresOf(desk.call, {});
        part('voice').replaceChildren(word('option', 'Any', { value: '' }), ...voices.map((one) => new Option(one.Name, one.TimbreId)));
      }
      known = '';
      await list();
    }

    for (const id of ['file', 'camera', 'film']) {
      part(id).onchange = () => attempt(() => choose(part(id).files[0]));
    }
    part('drop').ondragover = (event) => {
      event.preventDefault();
      part('drop').classList.add('dropping');
    };
    part('drop').ondragleave = () => part('drop').classList.remove('dropping');
    part('drop').ondrop = (event) => {
      event.preventDefault();
      part('drop').classList.remove('dropping');
      attempt(() => choose(event.dataTransfer.files[0]));
    };
    part('new').onsubmit = (event) => {
      event.preventDefault();
      attempt(begin);
    };
    return { element, show: () => attempt(show), app: () => { known = ''; }, closed: () => clearTimeout(timer) };
  },
};
