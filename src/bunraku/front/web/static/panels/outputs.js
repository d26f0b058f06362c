// Where the stream on the stage goes beside its watchers: added, watched, ended, and the files they left.

import { button, make, markup, word } from '../dom.js';
import { t } from '../i18n.js';

// What a target of each protocol is asked for; what the server stores itself has a name instead.
const TARGETS = { whip: 'https://host/whip', rtmp: 'rtmp://host/app/key' };
const STATES = {
  STARTING: 'starting', ACTIVE: 'active', RETRYING: 'trying again', ENDING: 'ending', COMPLETE: 'complete', FAILED: 'failed',
};
const OVER = new Set(['ENDING', 'COMPLETE', 'FAILED']);
const PLAYLIST = /\.m3u8$/;

const built = () => markup`
<section id="outputs" class="outputs">
  <form id="outputs-new">
    <div class="line">
      <select id="outputs-protocol" aria-label="Kind" data-t-label="Kind">
        <option value="file" data-t>Recording</option>
        <option value="hls" data-t>HLS playlist</option>
        <option value="images" data-t>Pictures</option>
        <option value="rtmp">RTMP</option>
        <option value="whip">WHIP</option>
      </select>
      <input id="outputs-url" type="text" maxlength="2048" autocomplete="off" spellcheck="false" aria-label="Address" data-t-label="Address" hidden>
      <input id="outputs-name" type="text" maxlength="64" pattern="[A-Za-z0-9_\\-]*" autocomplete="off" placeholder="Name" data-t-placeholder="Name" aria-label="Name" data-t-label="Name">
      <button id="outputs-add" class="primary" type="submit" data-t>Add</button>
    </div>
    <div class="line">
      <label id="outputs-length"><span data-t>Seconds a piece</span> <input id="outputs-seconds" type="number" min="1" max="86400" placeholder="3600"></label>
      <label id="outputs-secret" hidden><span data-t>Bearer token</span> <input id="outputs-token" type="password" maxlength="2048" autocomplete="new-password"></label>
    </div>
    <p id="outputs-error" class="note bad" role="alert"></p>
  </form>
  <p id="outputs-none" class="none"></p>
  <ul id="outputs-list" class="plain"></ul>
</section>`;

export function size(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  for (let rest = bytes; rest >= 1000 && at < units.length - 1; rest /= 1000) at += 1;
  const value = bytes / 1000 ** at;
  return `${value.toFixed(at && value < 100 ? 1 : 0)} ${units[at]}`;
}

const length = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

/** An address of this server, by the name the page has for it. */
const here = (url) => {
  const { pathname } = new URL(url, window.location.href);
  return pathname.startsWith('/outputs/') ? pathname : null;
};

export const outputs = {
  id: 'outputs',
  title: 'Outputs',
  create(desk) {
    const element = built();
    const part = (id) => element.querySelector(`#outputs-${id}`);
    const rows = new Map();
    const fail = (text) => { part('error').textContent = text; };
    const attempt = (work) => {
      fail('');
      return desk.attempt(work, fail);
    };

    function row(first) {
      const state = make('b', { className: 'state' });
      const bytes = make('span', { className: 'bytes' });
      const reason = make('p', { className: 'reason', dir: 'auto' });
      const files = make('ul', { className: 'files' });
      const stop = word('button', 'Stop', { type: 'button', className: 'small' });
      stop.onclick = () => attempt(async () => {
        stop.disabled = true;
        await desk.call('RemoveStreamOutput', { TaskId: desk.task.TaskId, OutputId: first.OutputId });
        await look();
      });
      const place = TARGETS[first.Protocol] ? first.Url : first.Name;
      const made = make(
        'li',
        { dataset: { output: first.OutputId } },
        make('span', { className: 'kind', textContent: first.Protocol }),
        make('span', { className: 'place', dir: 'auto', textContent: place, title: place }),
        stop,
        make('span', { className: 'facts' }, state, bytes),
        reason,
        files,
      );

      function update(one) {
        made.dataset.status = one.Status;
        state.textContent = t(STATES[one.Status] ?? one.Status);
        bytes.textContent = size(one.Bytes);
        reason.textContent = one.FailReason ?? '';
        stop.hidden = OVER.has(one.Status);
        show(one.Protocol, one.Files ?? []);
      }

      let shown = '';
      function show(protocol, found) {
        // A playlist's segments are no news to a person, nor is what is still being written.
        const wanted = protocol === 'hls' ? found.filter((f) => PLAYLIST.test(f.Name)) : found.filter((f) => f.Bytes > 0);
        const names = wanted.map((f) => `${f.Name} ${f.Bytes}`).join();
        if (names === shown) return; // its links stay where they are under the pointer
        shown = names;
        files.replaceChildren(...wanted.slice(-12).reverse().map((file) => {
          const address = here(file.Url);
          const name = make('span', { className: 'place', textContent: file.Name, title: file.Name });
          const facts = [file.Bytes && size(file.Bytes), file.Seconds && length(file.Seconds)].filter(Boolean).join(' · ');
          const link = protocol === 'hls' ? play(address) : make('a', { href: address, download: file.Name, textContent: t('Download') });
          return make('li', {}, name, make('span', { className: 'bytes', textContent: facts }), ...(address ? [link] : []));
        }));
      }

      return { made, update };
    }

    /** A playlist plays here where the browser can; its address is for every other player. */
    function play(address) {
      const video = document.createElement('video');
      const copy = button(t('Copy link'), () => attempt(async () => {
        await navigator.clipboard.writeText(new URL(address, window.location.href).href);
        desk.log(t('link copied'));
      }), { className: 'small' });
      if (!video.canPlayType('application/vnd.apple.mpegurl')) return copy;
      Object.assign(video, { controls: true, muted: true, playsInline: true });
      const open = button(t('Play'), () => {
        video.src = address;
        open.replaceWith(video);
        video.play().catch(() => {});
      }, { className: 'small' });
      return make('span', { className: 'buttons' }, open, copy);
    }

    async function look() {
      const { task } = desk;
      if (!task) return;
      const { Outputs } = await desk.call('QueryStreamOutputs', { TaskId: task.TaskId }, true);
      if (task !== desk.task) return;
      const here_ = new Set(Outputs.map((one) => one.OutputId));
      for (const id of [...rows.keys()]) if (!here_.has(id)) rows.delete(id);
      for (const one of Outputs) {
        if (!rows.has(one.OutputId)) rows.set(one.OutputId, row(one));
        rows.get(one.OutputId).update(one);
      }
      const wanted = Outputs.map((one) => rows.get(one.OutputId).made).reverse();
      // Nothing is moved that is in its place: what has the focus keeps it.
      if (wanted.some((made, at) => part('list').children[at] !== made) || part('list').children.length !== wanted.length) {
        part('list').replaceChildren(...wanted);
      }
      part('none').hidden = Outputs.length > 0;
    }

    function task() {
      rows.clear();
      part('list').replaceChildren();
      part('new').hidden = !desk.task;
      part('none').hidden = false;
      part('none').replaceChildren(word('span', desk.task ? 'The stream goes to its watchers only.' : 'Nobody is on stage.'));
      fail('');
      return attempt(look);
    }

    function kind() {
      const protocol = part('protocol').value;
      const target = TARGETS[protocol];
      part('url').hidden = !target;
      part('url').required = Boolean(target);
      part('url').placeholder = target ?? '';
      part('name').hidden = Boolean(target);
      part('length').hidden = Boolean(target);
      part('secret').hidden = protocol !== 'whip';
      part('seconds').placeholder = { file: '3600', hls: '2', images: '10' }[protocol] ?? '';
    }

    part('protocol').onchange = kind;
    part('new').onsubmit = (event) => {
      event.preventDefault();
      attempt(async () => {
        const protocol = part('protocol').value;
        const seconds = Number(part('seconds').value);
        const output = { Protocol: protocol };
        if (TARGETS[protocol]) output.Url = part('url').value.trim();
        else if (part('name').value) output.Name = part('name').value;
        if (!TARGETS[protocol] && seconds > 0) output.SegmentSeconds = seconds;
        if (protocol === 'whip' && part('token').value) output.BearerToken = part('token').value;
        // Keys do not stay on the page: not in the form, and not in the call that is shown as a program.
        const quiet = Boolean(TARGETS[protocol]);
        await desk.call('AddStreamOutput', { TaskId: desk.task.TaskId, Output: output }, quiet);
        for (const id of ['url', 'token', 'name', 'seconds']) part(id).value = '';
        await look();
      });
    };
    kind();
    return { element, task, look, show: () => desk.attempt(look) };
  },
};
