// Settings of an app, new apps, new secrets. A secret is seen once, when it is made.

import { changeApp, createApp, rotateSecret, testCallback } from './api.js';
import { $, button, make } from './dom.js';
import { t } from './i18n.js';
import { installVoices } from './voices.js';

/** `current()` is the chosen app as the server described it; `reload(appId)` asks for all again. */
export function installApps({ current, humans, reload, changed, explain }) {
  const voices = installVoices({ current, humans, changed, explain });

  const fail = (text) => { $('apps-error').textContent = text; };

  async function attempt(work) {
    fail('');
    try {
      await work();
    } catch (error) {
      fail(explain(error));
    }
  }

  function show() {
    const app = current();
    $('apps-form').hidden = !app;
    $('apps-tested').textContent = '';
    if (!app) return;
    $('apps-id').textContent = app.appId;
    $('apps-note').hidden = app.editable;
    $('apps-fields').disabled = !app.editable;
    $('apps-name').value = app.name;
    $('apps-callback').value = app.callbackUrl ?? '';
    $('apps-tasks').value = app.maxTasks;
    $('apps-enabled').checked = app.enabled;
    $('callback').disabled = !app.callbackUrl;
    const until = app.previousUntil && new Date(app.previousUntil * 1000).toLocaleString(document.documentElement.lang);
    $('apps-overlapping').textContent = until ? `${t('The one before is good until')} ${until}` : '';
  }

  function reveal(secrets) {
    $('apps-secrets').replaceChildren(...Object.entries(secrets).flatMap(([name, value]) => {
      const copy = button(t('Copy'), async () => {
        await navigator.clipboard.writeText(value);
        copy.textContent = t('Copied');
      }, { className: 'small' });
      return [make('dt', { textContent: t(name) }), make('dd', {}, make('code', { textContent: value }), copy)];
    }));
    $('apps-secret').hidden = false;
    $('apps-secret').scrollIntoView({ block: 'nearest' });
  }

  function forget() {
    $('apps-secrets').replaceChildren();
    $('apps-secret').hidden = true;
  }

  function open() {
    forget();
    fail('');
    show();
    voices.show();
    $('apps').showModal();
  }

  const rotate = (which) => () => attempt(async () => {
    const { appId } = current();
    const { serverSecret, callbackSecret } = await rotateSecret(appId, which, Number($('apps-overlap').value));
    reveal(serverSecret ? { 'Server secret': serverSecret } : { 'Callback secret': callbackSecret });
    await reload(appId);
    show();
  });

  $('settings').onclick = open;
  $('apps-close').onclick = () => $('apps').close();
  $('apps').onclose = forget;
  $('apps-rotate-server').onclick = rotate('server');
  $('apps-rotate-callback').onclick = rotate('callback');
  $('apps-form').onsubmit = (event) => {
    event.preventDefault();
    attempt(async () => {
      const { appId } = current();
      await changeApp(appId, {
        name: $('apps-name').value,
        callbackUrl: $('apps-callback').value || null,
        maxTasks: Number($('apps-tasks').value),
        enabled: $('apps-enabled').checked,
      });
      await reload(appId);
      show();
      $('apps-tested').textContent = t('Saved');
    });
  };
  $('apps-new').onsubmit = (event) => {
    event.preventDefault();
    attempt(async () => {
      const { appId, serverSecret, callbackSecret } = await createApp($('apps-new-name').value);
      $('apps-new-name').value = '';
      reveal({ 'Server secret': serverSecret, 'Callback secret': callbackSecret });
      await reload(appId);
      show();
      voices.show();
    });
  };
  $('callback').onclick = () => attempt(async () => {
    const { ok, detail } = await testCallback(current().appId);
    $('apps-tested').textContent = `${t(ok ? 'delivered' : 'failed')}: ${detail}`;
  });
  return { open };
}
