// Voices that one app has for itself. A key goes in and is never seen again.

import { addVoice, ownVoices, removeVoice } from '../api.js';
import { $, make, markup, word } from '../dom.js';
import { t } from '../i18n.js';

const built = () => markup`
<section id="voices" class="sheet">
  <h3 id="voices-title" data-t>Voices of this app alone</h3>
  <ul id="voices-list" class="plain" aria-labelledby="voices-title"></ul>
  <form id="voices-new">
    <div class="pair">
      <label><span data-t>Name</span> <input id="voices-name" type="text" maxlength="24" pattern="[a-z0-9\\-]+" required autocomplete="off"></label>
      <label><span data-t>Digital human</span> <select id="voices-human"></select></label>
    </div>
    <label><span data-t>Kind</span> <select id="voices-kind">
      <option value="openai" data-t>OpenAI-compatible server</option>
      <option value="piper" data-t>Folder of piper voices</option></select></label>
    <div id="voices-openai" class="fields">
      <label><span data-t>Address</span> <input id="voices-url" type="url" maxlength="2048" placeholder="https://…/v1" autocomplete="off"></label>
      <label><span data-t>Key</span> <input id="voices-key" type="password" maxlength="1024" autocomplete="new-password"></label>
      <label><span data-t>Voices</span> <input id="voices-names" type="text" autocomplete="off"></label>
      <div class="pair">
        <label><span data-t>Model</span> <input id="voices-model" type="text" maxlength="128" placeholder="tts-1" autocomplete="off"></label>
        <label><span data-t>Language</span> <input id="voices-language" type="text" maxlength="35" placeholder="en-US" autocomplete="off"></label>
      </div>
    </div>
    <div id="voices-piper" class="fields" hidden>
      <label><span data-t>Folder on the server</span> <input id="voices-folder" type="text" maxlength="1024" placeholder="/srv/voices" autocomplete="off"></label>
    </div>
    <div class="row"><button class="primary" type="submit" data-t>Add voices</button></div>
    <p id="voices-error" class="note bad" role="alert"></p>
  </form>
</section>`;

export const voices = {
  id: 'voices',
  title: 'Voices',
  create(desk) {
    const element = built();
    const fail = (text) => { $('voices-error').textContent = text; };
    const attempt = (work) => {
      fail('');
      return desk.attempt(work, fail);
    };

    async function list() {
      const { app, humans } = desk;
      element.hidden = !app;
      if (!app) return;
      const names = new Map(humans.map((one) => [one.DigitalHumanId, one.Name]));
      $('voices-human').replaceChildren(...humans.map((one) => new Option(one.Name, one.DigitalHumanId)));
      const found = await ownVoices(app.appId);
      if (app !== desk.app) return;
      $('voices-list').replaceChildren(...found.map((voice) => make(
        'li',
        { className: 'row', dataset: { voice: voice.name } },
        make('span', {
          dir: 'auto',
          textContent: `${voice.name} · ${names.get(voice.digitalHumanId) ?? voice.digitalHumanId} · ${voice.folder ?? voice.baseUrl}`,
        }),
        word('button', 'Remove', {
          type: 'button',
          className: 'small',
          onclick: () => attempt(async () => {
            await removeVoice(app.appId, voice.name);
            await list();
            await desk.reloadVoices();
          }),
        }),
      )));
      if (!found.length) $('voices-list').replaceChildren(make('li', { className: 'none' }, word('span', 'It has none.')));
    }

    function kind() {
      const piper = element.querySelector('#voices-kind').value === 'piper';
      element.querySelector('#voices-piper').hidden = !piper;
      element.querySelector('#voices-openai').hidden = piper;
    }

    function form() {
      const asked = { name: $('voices-name').value, digitalHumanId: $('voices-human').value, kind: $('voices-kind').value };
      if (asked.kind === 'piper') return { ...asked, folder: $('voices-folder').value };
      return {
        ...asked,
        baseUrl: $('voices-url').value,
        apiKey: $('voices-key').value || null,
        voices: $('voices-names').value.split(/[\s,]+/).filter(Boolean),
        model: $('voices-model').value || 'tts-1',
        language: $('voices-language').value || 'en-US',
      };
    }

    element.querySelector('#voices-kind').onchange = kind;
    element.querySelector('#voices-new').onsubmit = (event) => {
      event.preventDefault();
      attempt(async () => {
        const { timbres } = await addVoice(desk.app.appId, form());
        $('voices-key').value = '';
        $('voices-name').value = '';
        await list();
        await desk.reloadVoices();
        fail(timbres.length ? '' : t('No voices were found there.'));
      });
    };
    kind();
    const show = () => attempt(list);
    return { element, show };
  },
};
