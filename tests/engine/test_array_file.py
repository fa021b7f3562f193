"""Arrays come back as they were, whatever their memory looks like."""

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

from engine.array_file import save_file


def test_transposed_picked_and_single_arrays_come_back_as_they_were(tmp_path):
    whole = np.arange(24, dtype=np.float32).reshape(4, 6)
    arrays = {
        "plain": whole, "turned": whole.T, "picked": whole[:, [4, 1, 3]], "every other": whole[::2, ::3],
        "fortran": np.asfortranarray(whole), "single": np.float32(7) * np.ones(()), "none": whole[:0],
    }  # fmt: skip
    save_file(arrays, tmp_path / "x.safetensors", {"what": "arrays"})
    read = load_file(tmp_path / "x.safetensors")
    assert set(read) == set(arrays)
    for name, array in arrays.items():
        assert read[name].shape == array.shape and np.array_equal(read[name], array), name
    with safe_open(tmp_path / "x.safetensors", "np") as file:
        assert file.metadata() == {"what": "arrays"}


def test_no_other_part_of_the_program_writes_arrays_with_the_library_itself():
    from engine.paths import ASSETS

    checkout = ASSETS.parent
    sources = [path for part in ("engine", "app", "packaging") for path in (checkout / part).rglob("*.py")]
    for path in sources:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "safetensors.numpy import" in line]
        assert not any("save" in line for line in lines), path
