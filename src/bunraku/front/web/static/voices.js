// Voices that one app has for itself. A key goes in and is never seen again.

import { addVoice, ownVoices, removeVoice } from './api.js';
import { $, button, make } from './dom.js';
import { t } from './i18n.js';

/** `current()` is the chosen app, `humans()` who it may show; `changed()` hears when its voices did. */
export function installVoices({ current, humans, changed, explain }) {
  async function attempt(work) {
    $('voices-error').textContent = '';
    try {
      await work();
    } catch (error) {
      $('voices-error').textContent = explain(error);
    }
  }

  async function show() {
    const app = current();
    $('voices').hidden = !app;
    if (!app) return;
    const names = new Map(humans().map((one) => [one.DigitalHumanId, one.Name]));
    $('voices-human').replaceChildren(...humans().map((one) => new Option(one.Name, one.DigitalHumanId)));
    const found = await ownVoices(app.appId);
    $('voices-list').replaceChildren(...found.map((voice) => make(
      'li',
      { className: 'row' },
      make('span', {
        textContent: `${voice.name} · ${names.get(voice.digitalHumanId) ?? voice.digitalHumanId} · ${voice.folder ?? voice.baseUrl}`,
      }),
      button(t('Remove'), () => attempt(async () => {
        await removeVoice(app.appId, voice.name);
        await show();
        await changed();
      }), { className: 'small' }),
    )));
  }

  function kind() {
    const piper = $('voices-kind').value === 'piper';
    $('voices-piper').hidden = !piper;
    $('voices-openai').hidden = piper;
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

  $('voices-kind').onchange = kind;
  $('voices-new').onsubmit = (event) => {
    event.preventDefault();
    attempt(async () => {
      const { timbres } = await addVoice(current().appId, form());
      $('voices-key').value = '';
      $('voices-name').value = '';
      await show();
      await changed();
      $('voices-error').textContent = timbres.length ? '' : t('No voices were found there.');
    });
  };
  kind();
  return { show: () => attempt(show) };
}
