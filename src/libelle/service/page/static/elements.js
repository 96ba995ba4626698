// Elements of the page. Texts are only ever set as text, so that nothing that was typed or answered becomes HTML.

/** The element of an id. */
export const at = (id) => document.getElementById(id);

/**
 * Make an element.
 * @param {string} tag its name, and classes after dots: "p.soft".
 * @param {object} attributes name → value; null for none.
 * @param {...(Node|string|null)} children texts and elements inside.
 */
export function make(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Show a sentence in an element that is there for it, or hide that where there is none. */
export function tell(element, ...content) {
  element.replaceChildren(...content);
  element.hidden = content.length === 0;
}
