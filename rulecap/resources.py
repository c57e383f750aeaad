"""Where the files that ship with the package stand: beside it in a checkout, inside it in a wheel."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
SHIPPED = ("policies", "schemas")


def resource_folder(name: str) -> Path:
    """Return the folder of the shipped `policies` or `schemas`.

    A wheel carries them inside the package as `_policies` and `_schemas`; a checkout has them beside the package.

    Raises:
        ValueError: the name is not one of the two.
        FileNotFoundError: neither place has the folder, so the installation is broken.
    """
    if name not in SHIPPED:
        raise ValueError(f"{name!r} is not one of {', '.join(SHIPPED)}")
    places = (PACKAGE / f"_{name}", PACKAGE.parent / name)
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(f"the folder of {name} is missing: looked for {' and '.join(map(str, places))}")
