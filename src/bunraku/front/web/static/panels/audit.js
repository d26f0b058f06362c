// Who did what in the console: what was asked for and how it ended, never what was said.

import { audit as ask } from '../api.js';
import { $, date, make, markup, word } from '../dom.js';
import { t } from '../i18n.js';

const PAGE = 100; // rows of an answer

const built = () => markup`
<section id="audit" class="sheet">
  <form id="audit-filter" class="pair" role="search">
    <label><span data-t>App</span> <select id="audit-app"></select></label>
    <label><span data-t>Action</span> <input id="audit-action" type="search" maxlength="64" placeholder="DriveByText" autocomplete="off"></label>
  </form>
  <div class="scroll" tabindex="0" role="region" aria-label="Audit" data-t-label="Audit">
    <table class="table">
      <thead><tr><th scope="col" data-t>Time</th><th scope="col" data-t>Who</th><th scope="col" data-t>Action</th>
        <th scope="col" data-t>App</th><th scope="col" data-t>Target</th><th scope="col" data-t>Result</th></tr></thead>
      <tbody id="audit-rows"></tbody>
    </table>
  </div>
  <div class="row"><p id="audit-told" class="note" role="status"></p> <button id="audit-older" type="button" class="small" hidden data-t>Older</button></div>
</section>`;

function row(one) {
  const good = one.result === '0' || /^2\d\d$/.test(one.result);
  const times = one.times > 1 ? ` × ${one.times}` : '';
  return make(
    'tr',
    { dataset: { audit: one.id } },
    make('td', { textContent: date(one.at) }),
    make('td', { textContent: one.who, title: one.address }),
    make('td', { textContent: one.action.replace(/^call\//, '') }),
    make('td', { textContent: one.app ?? '' }),
    make('td', {}, make('code', { textContent: one.target.slice(0, 8), title: one.target })),
    make('td', { textContent: one.result + times, className: good ? 'good' : 'bad' }),
  );
}

export const audit = {
  id: 'audit',
  title: 'Audit',
  create(desk) {
    const element = built();
    const tell = (text) => { $('audit-told').textContent = text; };
    let asked = 0;

    async function fetch(before) {
      asked += 1;
      const mine = asked;
      const rows = await ask({ app: $('audit-app').value, action: $('audit-action').value.trim(), before });
      if (mine !== asked) return; // another filter was set meanwhile
      const made = rows.map(row);
      if (before) $('audit-rows').append(...made);
      else $('audit-rows').replaceChildren(...made);
      $('audit-older').hidden = rows.length < PAGE;
      tell($('audit-rows').children.length ? '' : t('Nothing was done.'));
    }

    const again = (before = '') => desk.attempt(() => fetch(before), tell);

    function show() {
      const chosen = $('audit-app').value;
      $('audit-app').replaceChildren(word('option', 'All', { value: '' }), ...desk.apps.map((app) => new Option(`${app.name} · ${app.appId}`, app.appId)));
      $('audit-app').value = desk.apps.some((app) => String(app.appId) === chosen) ? chosen : '';
      return again();
    }

    element.querySelector('#audit-filter').onsubmit = (event) => event.preventDefault();
    element.querySelector('#audit-app').onchange = () => again();
    element.querySelector('#audit-action').oninput = () => again();
    element.querySelector('#audit-older').onclick = () => again($('audit-rows').lastChild.dataset.audit);
    return { element, show };
  },
};
