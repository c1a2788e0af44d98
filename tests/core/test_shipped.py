"""Themes and corpora are found in an editable install and in a wheel."""

from pathlib import Path

import pytest

from llmprobe.core import shipped
from llmprobe.core.shipped import shipped_folder


def test_in_this_install_both_folders_are_there() -> None:
    assert (shipped_folder("sample_corpora") / "mixed.jsonl").is_file()
    assert shipped_folder("themes").is_dir()


def test_a_folder_inside_the_package_comes_before_the_one_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "llmprobe"
    (tmp_path / "themes").mkdir()
    monkeypatch.setattr(shipped, "_PACKAGE", package)

    assert shipped_folder("themes") == tmp_path / "themes"
    (package / "themes").mkdir(parents=True)
    assert shipped_folder("themes") == package / "themes"
