"""A trained network as a ``.keras`` file: the same network gives the same bytes.

Keras writes the date, time stamps and memory addresses into its archive. They are replaced here,
so that DVC and the registry see a new file only when the network is another one.
"""

import json
import re
import zipfile
from pathlib import Path

import keras

NO_DATE = "1980-01-01@00:00:00"
NO_TIME = (1980, 1, 1, 0, 0, 0)


def save_network(model: keras.Model, path: Path) -> None:
    """Write a network, without optimizer and losses, so that Keras alone loads it in safe mode."""
    bare = keras.Model(model.inputs, model.outputs, name=model.name)
    written = path.with_name(f"{path.stem}.written.keras")
    bare.save(written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(path, "w") as target:
        for name in sorted(source.namelist()):
            member = zipfile.ZipInfo(name, NO_TIME)
            target.writestr(member, _fixed(name, source.read(name)))
    written.unlink()


def _fixed(name: str, content: bytes) -> bytes:
    if name == "metadata.json":
        return json.dumps(json.loads(content) | {"date_saved": NO_DATE}, sort_keys=True).encode()
    if name == "config.json":
        return _number_shared(content.decode()).encode()
    return content


def _number_shared(config: str) -> str:
    """Number shared objects in their order instead of by their addresses in memory."""
    addresses = re.findall(r'"shared_object_id": (\d+)', config)
    numbers = {address: str(n) for n, address in enumerate(dict.fromkeys(addresses), start=1)}
    return re.sub(
        r'("shared_object_id": )(\d+)', lambda found: found[1] + numbers[found[2]], config
    )
