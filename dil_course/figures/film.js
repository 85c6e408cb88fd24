const PAUSE = 250; // milliseconds that a frame stays

function build(root, film) {
  const last = film.iterations.length - 1;
  const share = film.runs.length > 1 ? "calc(50% - 0.5em)" : "100%"; // on a phone, two in a row
  const runs = film.runs.map((run) => {
    const image = make("img", { width: run.width, height: run.height });
    const caption = make("span");
    const words = make("figcaption", {}, make("strong", {}, run.name), make("br"), caption);
    const figure = make("figure", {}, image, words);
    figure.style.width = `min(${run.width}px, ${share})`;
    return { ...run, image, caption, figure };
  });

  const readout = make("output");
  const [input, label] = slider("iteration", last, readout);
  const button = make("button", { type: "button" }, "Play");
  let timer = null;

  function show(position) {
    const wanted = film.iterations[position];
    input.value = position;
    readout.textContent = `${wanted} of ${film.iterations[last]}`;
    const told = runs.map((run) => {
      // Where a run has no frame of this iteration, its one before stays.
      const i = Math.max(0, run.iterations.filter((iteration) => iteration <= wanted).length - 1);
      run.image.src = jpeg(run.frames[i]);
      run.image.alt = `${run.name}, iteration ${run.iterations[i]}`;
      run.caption.textContent = `iteration ${run.iterations[i]}${run.psnr[i] ? ", " + run.psnr[i] : ""}`;
      return `${run.name}${run.psnr[i] ? " " + run.psnr[i] : ""}`;
    });
    input.setAttribute("aria-valuetext", `iteration ${wanted}: ${told.join(", ")}`);
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  }

  function tick() {
    const position = Number(input.value);
    if (position < last && root.isConnected) show(position + 1);
    if (position + 1 >= last || !root.isConnected) pause();
  }

  function play() {
    button.textContent = "Pause";
    timer = setInterval(tick, PAUSE);
    if (Number(input.value) === last) show(0);
  }

  button.addEventListener("click", () => (timer === null ? play() : pause()));
  input.addEventListener("input", () => {
    pause();
    show(Number(input.value));
  });
  root.append(
    make("div", { class: "dil-row" }, button, label),
    make("div", { class: "dil-row dil-runs" }, ...runs.map((run) => run.figure)),
  );
  show(0);
}
