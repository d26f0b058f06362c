// The few things every feature of the page does with the DOM.

import { t } from './i18n.js';

export const $ = (id) => document.getElementById(id);

/** `make('li', {className: 'x'}, 'text', child)`; properties with a dash are attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name === 'role' || name.includes('-')) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** An element that says an English text in the page's language, also when that changes. */
export const word = (tag, text, properties = {}) => make(tag, { ...properties, textContent: t(text), dataset: { ...properties.dataset, t: '', en: text } });

export function button(text, onclick, properties = {}) {
  return make('button', { type: 'button', textContent: text, onclick, ...properties });
}

// Text of strangers is only ever set as text: the content policy refuses any other markup than this one's.
const trusted = globalThis.trustedTypes?.createPolicy('markup', { createHTML: (text) => text });

/** markup`<form>…</form>`: a panel's own markup. It takes no values, so that nobody's text gets into it. */
export function markup([text], ...values) {
  if (values.length) throw new TypeError('markup takes no values: set them as text');
  const template = document.createElement('template');
  template.innerHTML = trusted ? trusted.createHTML(text) : text;
  return template.content.firstElementChild;
}

export const clock = (when = new Date()) => when.toLocaleTimeString(document.documentElement.lang || undefined);

export const date = (seconds) => new Date(seconds * 1000).toLocaleString(document.documentElement.lang || undefined, { dateStyle: 'short', timeStyle: 'medium' });
