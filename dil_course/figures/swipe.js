function build(root, swipe) {
  const [left, right] = swipe.images;
  const picture = (image) =>
    make("img", { src: jpeg(image.data), alt: image.name, draggable: "false", width: swipe.width });
  const above = picture(left);
  const both = make("div", { class: "dil-both" }, picture(right), above);
  const pane = make("div", { class: "dil-window", tabindex: 0, role: "group", "aria-label": swipe.alt }, both);
  const line = make("div", { class: "dil-line" });
  const stage = make("div", { class: "dil-stage" }, pane, line);
  stage.style.width = `${swipe.width}px`;
  stage.style.aspectRatio = `${swipe.width} / ${swipe.height}`;
  const names = make("div", { class: "dil-row dil-names" });
  names.append(make("span", {}, `\u25c0 ${left.name}`), make("span", {}, `${right.name} \u25b6`));
  names.style.width = `${swipe.width}px`;

  const [input, label] = slider("line", 100, "");
  let times = 1;

  // The line stands at a share of what is seen, so that it stays in sight when the image is moved below it.
  function draw() {
    const x = (pane.clientWidth * input.value) / 100;
    line.style.left = `${x}px`;
    line.style.bottom = `${pane.offsetHeight - pane.clientHeight}px`;
    above.style.clipPath = `inset(0 calc(100% - ${pane.scrollLeft + x}px) 0 0)`;
    input.setAttribute("aria-valuetext", `${left.name} on the left ${input.value} percent, then ${right.name}`);
  }

  function move(event) {
    const box = pane.getBoundingClientRect();
    const share = (event.clientX - box.left) / pane.clientWidth;
    // Not the scroll bars.
    if (event.clientY - box.top < pane.clientHeight && (share <= 1 || pane.hasPointerCapture(event.pointerId))) {
      input.value = Math.round(100 * Math.min(1, Math.max(0, share)));
      draw();
      return true;
    }
    return false;
  }

  // What was in the middle stays there.
  function magnify(factor) {
    const x = (pane.scrollLeft + pane.clientWidth / 2) / times;
    const y = (pane.scrollTop + pane.clientHeight / 2) / times;
    times = factor;
    both.style.width = `${100 * times}%`;
    // A finger moves the line, and a magnified image; then the slider moves the line.
    pane.style.touchAction = times === 1 ? "pan-y" : "auto";
    pane.scrollTo(x * times - pane.clientWidth / 2, y * times - pane.clientHeight / 2);
    for (const [i, button] of buttons.entries()) button.setAttribute("aria-pressed", 2 ** i === times);
    draw();
  }

  const buttons = [1, 2, 4].map((factor) => {
    const button = make("button", { type: "button", "aria-label": `magnify ${factor} times` }, `${factor}\u00d7`);
    button.addEventListener("click", () => magnify(factor));
    return button;
  });
  pane.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && move(event) && (times === 1 || event.pointerType === "mouse"))
      pane.setPointerCapture(event.pointerId);
  });
  pane.addEventListener("pointermove", (event) => pane.hasPointerCapture(event.pointerId) && move(event));
  pane.addEventListener("scroll", draw);
  input.addEventListener("input", draw);
  const together = make("div", { class: "dil-row dil-together" }, ...buttons);
  root.append(names, stage, make("div", { class: "dil-row" }, label, together));
  input.value = 50;
  magnify(1);
  new ResizeObserver(draw).observe(pane); // also when the page first lays it out
}
