"""What can be trained, as it is told to people and to the window."""

import json
import subprocess
import sys
from types import SimpleNamespace

from engine.methods import METHODS
from engine.methods.catalog import PAPER, MethodEntry, Need, catalog, entry_of, head_model, leading_fit
from engine.methods.dgtalker.config import DGTalkerConfig, needs


def test_every_method_is_told_with_its_presets_and_survives_json():
    entries = list(catalog())
    assert [entry.name for entry in entries] == list(METHODS)
    for entry in entries:
        assert entry.title and entry.summary.endswith(".")
        assert PAPER in [preset.name for preset in entry.presets] and all(p.iterations > 0 for p in entry.presets)
        assert MethodEntry.from_json(json.loads(json.dumps(entry.to_json()))) == entry


def test_listing_methods_imports_no_torch():
    code = "import sys; from engine.methods.catalog import catalog; list(catalog()); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_method_that_says_nothing_more_is_told_by_its_first_line():
    config = SimpleNamespace(iterations=7)
    module = SimpleNamespace(__doc__="New (section 3): a thing.\n\nMore.", Config=lambda **settings: config)
    entry = entry_of("new", module)
    assert (entry.title, entry.summary) == ("New", "A thing.")
    assert [(p.name, p.iterations, p.hours, p.needs) for p in entry.presets] == [(PAPER, 7, 0.0, ())]


def test_a_prior_is_needed_unless_the_settings_do_without(tmp_path):
    assert needs(DGTalkerConfig(prior="none")) == ()
    (missing,) = needs(DGTalkerConfig(prior=str(tmp_path / "no.safetensors")))
    assert not missing.is_here and missing.without == {"prior": "none"}
    (tmp_path / "my.safetensors").touch()
    assert needs(DGTalkerConfig(prior=str(tmp_path / "my.safetensors"))) == (
        Need("prior", "Its prior of many heads is here."),
    )


def test_a_head_model_that_leads_is_fitted_unless_it_is_missing_or_nobody_asks_for_one(monkeypatch, tmp_path):
    monkeypatch.setenv("MOUTHPIECE_ICT_FACEKIT", str(tmp_path / "nothing"))
    assert leading_fit("none") == () and head_model("auto") == "house"
    (need,) = leading_fit("auto")
    assert need.is_here and (need.kind, need.head, need.spares_studio) == ("fit", "house", True)
    (missing,) = leading_fit("ict")
    assert not missing.is_here and missing.without == {"head": "none"}
