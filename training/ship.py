"""What all training commands end with: weights as safetensors, and a card that says where they come from."""

import hashlib
import json
import time

from safetensors.torch import save_file

from dil_course.doctor import machine
from dil_course.networks.trained import WEIGHTS

CARD = """# {name}

{about}

| | |
| --- | --- |
| network | `{network}({settings})`, {parameters:,} parameters |
| trained on | {data} |
| never seen | {unseen} |
| command | `{command}` |
| seed | {seed} |
| time | {minutes:.0f} minutes on {machine} |
| score | {score} |
| SHA-256 | {digest} |

Load it with `dil_course.networks.trained("{name}")`.
"""


def ship(name, network, settings, started, **card):
    """Write `<name>.safetensors` and `<name>.md` beside the library's other weights.

    Args:
        settings: what the network's class was called with.
        started: time.perf_counter() when the training began.
        card: about, data, unseen, command, seed, score.
    """
    path = WEIGHTS / f"{name}.safetensors"
    # They may have come in another order of the axes.
    weights = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(weights, path, metadata={"settings": json.dumps(settings)})
    text = CARD.format(
        name=name,
        network=type(network).__name__,
        settings=", ".join(f"{key}={value}" for key, value in settings.items()),
        parameters=sum(p.numel() for p in network.parameters()),
        minutes=(time.perf_counter() - started) / 60,
        machine=machine(),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        **card,
    )
    path.with_suffix(".md").write_text(text)
    print(text)
