// Settings of an app, new apps, new secrets. A secret is seen once, when it is made.

import { changeApp, createApp, rotateSecret, testCallback } from '../api.js';
import { $, button, date, make, markup } from '../dom.js';
import { t } from '../i18n.js';

const built = () => markup`
<div class="sheet">
  <div id="apps-secret" class="once" role="status" hidden>
    <p data-t>Copy it now: it is not shown again.</p>
    <dl id="apps-secrets"></dl>
  </div>
  <form id="apps-form">
    <p class="facts">AppId <code id="apps-id"></code></p>
    <p id="apps-note" class="note" data-t>This app is set in the server's configuration file: it is changed there.</p>
    <fieldset id="apps-fields">
      <div class="pair">
        <label><span data-t>Name</span> <input id="apps-name" type="text" maxlength="128" required autocomplete="off" dir="auto"></label>
        <label><span data-t>Stream tasks at once</span> <input id="apps-tasks" type="number" min="1" max="10000" required></label>
      </div>
      <label><span data-t>Callback URL</span> <input id="apps-callback" type="url" maxlength="2048" placeholder="https://" autocomplete="off"></label>
      <label class="check"><input id="apps-enabled" type="checkbox"> <span data-t>Calls are answered</span></label>
      <div class="row"><button class="primary" type="submit" data-t>Save</button></div>
      <div class="secrets">
        <h3 data-t>Server secret</h3>
        <p data-t>Signs calls and room tokens. The old one can stay good while callers change over.</p>
        <div class="row">
          <select id="apps-overlap" aria-label="The old one stays good for" data-t-label="The old one stays good for">
            <option value="86400" data-t>Old one good for a day</option>
            <option value="604800" data-t>Old one good for a week</option>
            <option value="0" data-t>Old one ends now</option>
          </select>
          <button id="apps-rotate-server" type="button" data-t>New secret</button>
        </div>
        <p id="apps-overlapping" class="note"></p>
        <h3 data-t>Callback secret</h3>
        <div class="row"><p data-t>Signs callbacks; a new one is used at once.</p>
          <button id="apps-rotate-callback" type="button" data-t>New secret</button></div>
      </div>
    </fieldset>
    <div class="row"><p data-t>Sends the receiver one event.</p> <button id="callback" type="button" data-t>Test callback</button></div>
    <p id="apps-tested" class="note" role="status"></p>
  </form>
  <p id="apps-error" class="bad" role="alert"></p>
  <form id="apps-new">
    <label><span data-t>New app</span> <input id="apps-new-name" type="text" maxlength="128" required autocomplete="off" dir="auto" placeholder="Name" data-t-placeholder="Name"></label>
    <button type="submit" data-t>Create app</button>
  </form>
</div>`;

export const app = {
  id: 'app',
  title: 'App',
  create(desk) {
    const element = built();
    const fail = (text) => { $('apps-error').textContent = text; };
    const attempt = (work) => {
      fail('');
      return desk.attempt(work, fail);
    };

    function app() {
      const chosen = desk.app;
      $('apps-form').hidden = !chosen;
      $('apps-tested').textContent = '';
      if (!chosen) return;
      $('apps-id').textContent = chosen.appId;
      $('apps-note').hidden = chosen.editable;
      $('apps-fields').disabled = !chosen.editable;
      $('apps-name').value = chosen.name;
      $('apps-callback').value = chosen.callbackUrl ?? '';
      $('apps-tasks').value = chosen.maxTasks;
      $('apps-enabled').checked = chosen.enabled;
      $('callback').disabled = !chosen.callbackUrl;
      const until = chosen.previousUntil && date(chosen.previousUntil);
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

    function closed() {
      $('apps-secrets').replaceChildren();
      $('apps-secret').hidden = true;
      fail('');
    }

    const rotate = (which) => () => attempt(async () => {
      const { appId } = desk.app;
      const { serverSecret, callbackSecret } = await rotateSecret(appId, which, Number($('apps-overlap').value));
      reveal(serverSecret ? { 'Server secret': serverSecret } : { 'Callback secret': callbackSecret });
      await desk.reloadApps(appId);
    });

    const on = (id, event, work) => { element.querySelector(`#${id}`)[event] = work; };
    on('apps-rotate-server', 'onclick', rotate('server'));
    on('apps-rotate-callback', 'onclick', rotate('callback'));
    on('apps-form', 'onsubmit', (event) => {
      event.preventDefault();
      attempt(async () => {
        const { appId } = desk.app;
        await changeApp(appId, {
          name: $('apps-name').value,
          callbackUrl: $('apps-callback').value || null,
          maxTasks: Number($('apps-tasks').value),
          enabled: $('apps-enabled').checked,
        });
        await desk.reloadApps(appId);
        $('apps-tested').textContent = t('Saved');
      });
    });
    on('apps-new', 'onsubmit', (event) => {
      event.preventDefault();
      attempt(async () => {
        const { appId, serverSecret, callbackSecret } = await createApp($('apps-new-name').value);
        $('apps-new-name').value = '';
        reveal({ 'Server secret': serverSecret, 'Callback secret': callbackSecret });
        await desk.reloadApps(appId);
      });
    });
    on('callback', 'onclick', () => attempt(async () => {
      const { ok, detail } = await testCallback(desk.app.appId);
      $('apps-tested').textContent = `${t(ok ? 'delivered' : 'failed')}: ${detail}`;
    }));
    return { element, show: app, app, closed };
  },
};
