// The few things every feature of the page does with the DOM.

export const $ = (id) => document.getElementById(id);

/** `make('li', {className: 'x'}, 'text', child)` */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  const { dataset, ...rest } = properties;
  Object.assign(element, rest);
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
}

export function button(text, onclick, properties = {}) {
  return make('button', { type: 'button', textContent: text, onclick, ...properties });
}

export const clock = (when = new Date()) => when.toLocaleTimeString(document.documentElement.lang || undefined);
