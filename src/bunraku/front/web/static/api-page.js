// A page to try calls: described by the server's own OpenAPI document, signed by the server.

import { LoginRequired, state } from './api.js';

const $ = (id) => document.getElementById(id);
let spec;
let current;

const resolve = (schema) => (schema.$ref ? spec.components.schemas[schema.$ref.split('/').pop()] : schema);
const plain = (schema) => {
  const found = schema.anyOf ? schema.anyOf.find((s) => s.type !== 'null') : schema;
  return found.$ref ? resolve(found) : { ...schema, ...found };
};

function example(schema) {
  const s = plain(resolve(schema));
  if (s.type === 'object' && s.properties) {
    const required = s.required || [];
    return Object.fromEntries(required.map((name) => [name, example(s.properties[name])]));
  }
  return s.type === 'integer' ? 0 : '';
}

function rows(schema, prefix = '') {
  const s = plain(resolve(schema));
  return Object.entries(s.properties || {}).flatMap(([name, child]) => {
    const type = plain(resolve(child));
    const row = document.createElement('tr');
    for (const text of [`${prefix}${name}`, type.type || 'any', (s.required || []).includes(name) ? 'required' : '']) {
      const cell = document.createElement('td');
      cell.textContent = text;
      row.append(cell);
    }
    return [row, ...(type.properties ? rows(type, `${prefix}${name}.`) : [])];
  });
}

function choose(name) {
  current = name;
  const operation = spec.paths[`/?Action=${name}`].post;
  $('name').textContent = name;
  $('summary').textContent = operation.summary;
  const schema = operation.requestBody?.content['application/json'].schema;
  $('body').value = JSON.stringify(schema ? example(schema) : {}, null, 2);
  $('fields').replaceChildren(...(schema ? rows(schema) : []));
  $('answer').textContent = '';
  for (const button of $('actions').querySelectorAll('button')) {
    button.setAttribute('aria-current', String(button.textContent === name));
  }
}

$('send').onclick = async () => {
  let params;
  try {
    params = JSON.parse($('body').value || '{}');
  } catch (error) {
    $('answer').textContent = `The body is not JSON: ${error.message}`;
    return;
  }
  const response = await fetch(`/console/call/${current}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ appId: Number($('app').value), params }),
  });
  $('answer').textContent = JSON.stringify(await response.json(), null, 2);
};

try {
  const [{ apps }, document_] = await Promise.all([state(), fetch('/console/openapi.json').then((r) => r.json())]);
  spec = document_;
  $('app').replaceChildren(...apps.map((app) => new Option(`${app.name} · ${app.appId}`, app.appId)));
  $('actions').replaceChildren(...Object.values(spec.paths).map(({ post }) => {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = post.operationId;
    button.onclick = () => choose(post.operationId);
    item.append(button);
    return item;
  }));
  choose('QueryDigitalHumanStreamTasks');
} catch (error) {
  $('answer').textContent = error instanceof LoginRequired ? 'Log in at the console first.' : error.message;
}
