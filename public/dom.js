/** Finding and filling elements of a page. */

/**
 * Writes only what differs, so that nothing is announced or laid out anew without need.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {HTMLProgressElement} bar
 * @param {number | null} value null for a bar without a value
 */
export function setBar(bar, value) {
  if (value === null) bar.removeAttribute('value');
  else if (bar.getAttribute('value') !== String(value)) bar.value = value;
}

/**
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T}
 */
export function find(root, selector, type) {
  const element = root.querySelector(selector);
  if (element instanceof type) return element;
  throw new Error(`The page has no ${selector}`);
}
