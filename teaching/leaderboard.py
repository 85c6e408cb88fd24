"""From the results of the challenge and its truth to scores, a leaderboard page and a CSV."""

import base64
import csv
import dataclasses
import html
import io

import numpy as np
import torch
from PIL import Image

from dil_course.challenge import RUNGS, Answer, passes, rung_score
from dil_course.signals import Fourier, psnr, to_array

SHOWN = 3  # entries whose images are shown on each rung, the best of it
REFUSED = "refused, because a second call with the same input gave another result"
PERFECT = 99.0  # dB, for an estimate that is the truth
COLOURS = ("#0072b2", "#d55e00", "#009e73")

STYLE = """
:root { color-scheme: light dark; --ink: #222; --ground: #fff; --line: #bbb; --soft: #f2f2f2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --ground: #181818; --line: #555; --soft: #262626; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 1260px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:nth-child(2), td:nth-child(2), td.text, th.text { text-align: left; }
td.text { max-width: 28rem; overflow-wrap: anywhere; }
thead { background: var(--soft); }
.strip { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
figure { margin: 0; } figcaption { font-size: .85rem; max-width: 12rem; overflow-wrap: anywhere; }
img { image-rendering: pixelated; display: block; width: 192px; height: 192px; }
svg { max-width: 100%; height: auto; }
svg text { fill: var(--ink); font-size: 12px; } svg .line { stroke: var(--ink); fill: none; }
svg .dot { fill: var(--ink); fill-opacity: .35; }
a { color: inherit; } code { overflow-wrap: anywhere; }
"""


@dataclasses.dataclass
class Entry:
    """A submission, what came of it, and its place."""

    name: str
    sha256: str
    answers: dict  # of each case: (Answer, message, seconds, estimate (1,1,H,W) or None, whether it repeats)
    remarks: list
    rungs: dict = dataclasses.field(default_factory=dict)
    total: float = 0.0
    place: int = 0
    label: str = ""


def entries_of(lines, cases, inputs, folder):
    """The entries by place, from the lines of results.jsonl, the posed cases and their SHA-256."""
    baselines = {}
    for name in cases:
        baselines[name] = torch.from_numpy(np.load(folder / "baselines" / f"{name}.npy"))
    scale = {name: min(psnr(baselines[name], posed.truth), PERFECT) for name, posed in cases.items()}
    entered, results = {}, {}
    for line in lines:
        if "case" in line:
            results[line["submission"], line["sha256"], line["input"]] = line
        else:
            entered.setdefault(line["submission"], []).append(line["sha256"])
    entries = []
    for name, digests in sorted(entered.items()):
        answers = {}
        for case, posed in cases.items():
            line = results.get(
                (name, digests[-1], inputs[case]), {"status": "failed", "message": "was not run"}
            )
            answers[case] = answer(line, posed, scale[case], folder)
        entry = Entry(name, digests[-1], answers, [])
        if len(set(digests)) > 1:
            entry.remarks.append(f"changed after its first run, from {digests[0][:12]} to {digests[-1][:12]}")
        score(entry)
        entries.append(entry)
    entries.sort(key=lambda entry: (-round(entry.total, 6), entry.name))
    for number, entry in enumerate(entries, 1):
        before = entries[number - 2]
        same = number > 1 and round(before.total, 6) == round(entry.total, 6)
        entry.place = before.place if same else number
    return entries


def place_of(folder, sha256, case, given):
    """Where the estimate of a submission for an input is kept, both by their SHA-256."""
    return folder / "estimates" / sha256[:16] / f"{case}-{given[:16]}.npy"


def answer(line, posed, baseline, folder):
    message, estimate = line["message"], None
    if line["status"] == "estimate":
        try:
            stored = np.load(place_of(folder, line["sha256"], line["case"], line["input"]))
            estimate = torch.from_numpy(stored).clamp(0, 1)
        except (OSError, ValueError):
            line, message = {"status": "failed"}, "its estimate is not in the folder any more"
    if estimate is None:
        given = Answer(line["status"])
    else:
        given = Answer("estimate", min(psnr(estimate, posed.truth), PERFECT), baseline, line["expected"])
    return given, message, line.get("seconds", 0.0), estimate, line.get("repeats", True)


def score(entry):
    """Fill in the scores of the rungs, their sum, and what there is to be said."""
    for rung in RUNGS:
        own = {case: found for case, found in entry.answers.items() if case.split("-")[0] == rung}
        if not all(found[4] for found in own.values()):
            own = {case: (Answer("failed"), REFUSED, *found[2:]) for case, found in own.items()}
            entry.answers |= own
        sanity = own.get(f"{rung}-sanity", (None,))[0]
        answers = [found[0] for case, found in own.items() if not case.endswith("sanity")]
        entry.rungs[rung] = rung_score(rung, answers, sanity)
        if sanity is not None and sanity.status == "estimate" and not passes(sanity):
            entry.remarks.append(f"{rung}: fails the sanity image")
        failures = [found[1] for found in own.values() if found[0].status == "failed" and found[1]]
        for message in dict.fromkeys(failures):
            entry.remarks.append(f"{rung}: {message} ({failures.count(message)} of {len(own)})")
    entry.total = sum(entry.rungs.values())


def write(entries, cases, folder, anonymous=False):
    """Write leaderboard.html and scores.csv into the folder."""
    for entry in entries:
        twin = [other.name for other in entries if other.sha256 == entry.sha256].index(entry.name)
        secret = f"entry {entry.sha256[:8]}" + (f" ({twin + 1})" if twin else "")
        entry.label = secret if anonymous else entry.name
    with (folder / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["place", "name", "label", *RUNGS, "total", "seconds", "sha256", "remarks"])
        for entry in entries:
            scores = [f"{entry.rungs[rung]:z.3f}" for rung in RUNGS]
            row = [
                entry.place,
                entry.name,
                entry.label,
                *scores,
                f"{entry.total:z.3f}",
                f"{seconds(entry):.1f}",
            ]
            writer.writerow([*row, entry.sha256, "; ".join(entry.remarks)])
    (folder / "leaderboard.html").write_text(page(entries, cases, folder))


def seconds(entry):
    return sum(found[2] for found in entry.answers.values())


def page(entries, cases, folder):
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>Leaderboard</title>",
        f"<meta name=viewport content='width=device-width'><style>{STYLE}</style></head><body>",
        "<h1>Leaderboard</h1>",
        f"<p>{len(entries)} entries, {len(cases)} cases. A rung scores the median gain over the classical "
        "baseline in dB, clipped to [-1, 3], plus up to one point for an expected PSNR that fits; the last "
        "rung scores 2 where it is refused.</p>",
        table(entries),
    ]
    for rung, text in RUNGS.items():
        parts.append(f"<h2 id={rung}>{rung}</h2><p>{html.escape(text)}.</p>")
        best = sorted(entries, key=lambda entry: -entry.rungs[rung])
        best = [entry for entry in best if entry.answers[f"{rung}-0"][3] is not None][:SHOWN]
        parts += [strip(f"{rung}-0", best, cases, folder), expectations(rung, entries, best)]
        if rung != "nobody":
            parts.append("<p>The sanity image:</p>" + strip(f"{rung}-sanity", best, cases, folder))
    parts.append("<h2>Each entry</h2>")
    parts += [details(entry) for entry in entries]
    return "\n".join([*parts, "</body></html>"])


def table(entries):
    head = "".join(f"<th><a href=#{rung}>{rung}</a></th>" for rung in RUNGS)
    rows = []
    for entry in entries:
        scores = "".join(f"<td>{entry.rungs[rung]:z.2f}</td>" for rung in RUNGS)
        rows.append(
            f"<tr><td>{entry.place}</td><td>{html.escape(entry.label)}</td>{scores}"
            f"<td><b>{entry.total:z.2f}</b></td><td>{seconds(entry):.0f}</td></tr>"
        )
    return (
        f"<table><thead><tr><th>place</th><th>entry</th>{head}<th>total</th><th>seconds</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def strip(case, best, cases, folder):
    """The truth, what was seen of it, the baseline and the best entries."""
    posed = cases[case]
    seen = posed.forward.adjoint(posed.y) if isinstance(posed.forward, Fourier) else posed.y
    baseline = torch.from_numpy(np.load(folder / "baselines" / f"{case}.npy"))
    shown = [("truth", posed.truth), ("observed", seen)]
    shown.append((f"baseline, {psnr(baseline, posed.truth):.2f} dB", baseline))
    for entry in best:
        given, estimate = entry.answers[case][0], entry.answers[case][3]
        if estimate is not None:
            words = f"{entry.label}, {given.psnr:.2f} dB (expected {given.expected:.2f})"
            shown.append((words, estimate))
    figures = (
        f"<figure><img src='{png(x)}' alt='{html.escape(words, quote=True)}'>"
        f"<figcaption>{html.escape(words)}</figcaption></figure>"
        for words, x in shown
    )
    return f"<div class=strip>{''.join(figures)}</div>"


def png(x):
    file = io.BytesIO()
    Image.fromarray(to_array(x)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def expectations(rung, entries, best):
    """Expected against true PSNR of all entries, the best in colour; above the line is over-confident."""
    low, high, size, edge = 5, 45, 300, 40

    def place(value):
        return (min(max(value, low), high) - low) / (high - low) * size

    dots, count = [], 0
    for entry in [entry for entry in entries if entry not in best] + best:
        colour = f"style='fill:{COLOURS[best.index(entry)]};fill-opacity:1'" if entry in best else ""
        for case, (given, *_) in entry.answers.items():
            if case.split("-")[0] == rung and not case.endswith("sanity") and given.status == "estimate":
                count += 1
                words = f"{entry.label}: expected {given.expected:.2f} dB, true {given.psnr:.2f} dB"
                x, y = edge + place(given.psnr), size - place(given.expected)
                dots.append(
                    f"<circle class=dot {colour} cx={x:.1f} cy={y:.1f} r=4>"
                    f"<title>{html.escape(words)}</title></circle>"
                )
    ticks = "".join(
        f"<text x={edge + place(value):.0f} y={size + 16} text-anchor=middle>{value}</text>"
        f"<text x={edge - 6} y={size - place(value) + 4:.0f} text-anchor=end>{value}</text>"
        for value in range(low + 5, high, 10)
    )
    legend = "".join(
        f"<circle cx={edge + size + 24} cy={20 + 20 * i} r=4 fill={COLOURS[i]} />"
        f"<text x={edge + size + 34} y={24 + 20 * i}>{html.escape(entry.label[:40])}</text>"
        for i, entry in enumerate(best)
    )
    width, height = size + edge + 330, size + 40
    return (
        f"<svg width={width} height={height} viewBox='0 0 {width} {height}' role=img "
        f"aria-label='Expected against true PSNR of {count} estimates on the rung {rung}'>"
        f"<path class=line d='M{edge} 0 V{size} H{edge + size} M{edge} {size} L{edge + size} 0' />"
        f"{ticks}<text x={edge + size / 2} y={size + 34} text-anchor=middle>true PSNR in dB</text>"
        f"<text x={edge + 8} y=14>expected PSNR in dB</text>"
        f"{''.join(dots)}{legend}</svg>"
    )


def details(entry):
    rows = []
    for case, (given, message, used, *_) in entry.answers.items():
        numbers = "<td></td>" * 4
        if given.status == "estimate":
            error = given.expected - given.psnr
            values = (given.psnr, given.psnr - given.baseline, given.expected, error)
            numbers = "".join(f"<td>{value:.2f}</td>" for value in values)
        rows.append(
            f"<tr><td>{case}</td><td>{given.status}</td>{numbers}<td>{used:.1f}</td>"
            f"<td class=text>{html.escape(message)}</td></tr>"
        )
    remarks = "".join(f"<li>{html.escape(remark)}</li>" for remark in entry.remarks)
    return (
        f"<details><summary>{entry.place}. {html.escape(entry.label)}: {entry.total:z.2f}</summary>"
        f"<p>SHA-256 <code>{entry.sha256}</code></p><ul>{remarks}</ul><table><thead><tr><th>case</th>"
        "<th></th><th>PSNR</th><th>gain</th><th>expected</th><th>error</th><th>seconds</th>"
        "<th class=text>message</th>"
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></details>"
    )
