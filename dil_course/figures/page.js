// An element with these properties and children; text is text, never HTML.
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function jpeg(data) {
  return "data:image/jpeg;base64," + data;
}

// A slider with its name before and `after` behind it.
function slider(name, last, after) {
  const input = make("input", { type: "range", min: 0, max: last, value: 0, "aria-label": name });
  return [input, make("label", {}, make("span", {}, name), input, after)];
}

// In JupyterLab the arrows would move to another cell. Its sign for "not here" has to be on the very part.
function keepKeys(root) {
  for (const part of root.querySelectorAll("input, button, [tabindex]"))
    part.setAttribute("data-lm-suppress-shortcuts", "true");
}
