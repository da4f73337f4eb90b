import base64
import hashlib
import importlib
import importlib.metadata
import json
import sys

import pytest

from mmkg.cli import doctor


@pytest.fixture(scope="module")
def report():
    return doctor.diagnose()


def install(folder, name, content, *, on_disk=None):
    """A distribution whose RECORD promises ``content`` as compiled FAISS; ``on_disk`` lies there instead."""
    info = folder / f"{name.replace('-', '_')}-9.9.dist-info"
    info.mkdir(parents=True)
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9\n", encoding="utf-8")
    (info / "RECORD").write_text(f"faiss/_swigfaiss.so,sha256={digest},{len(content)}\n", encoding="utf-8")
    (folder / "faiss").mkdir(exist_ok=True)
    (folder / "faiss" / "_swigfaiss.so").write_bytes(content if on_disk is None else on_disk)


def test_versions_are_those_of_the_imported_libraries(report):
    for name in ("torch", "faiss", "numpy", "scipy"):
        assert report["versions"][name] == importlib.import_module(name).__version__


def test_the_report_is_json(report):
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_the_active_faiss_is_the_installed_distribution(report):
    installed = [name for name in doctor.FAISS_DISTRIBUTIONS if doctor._distribution_version(name)]
    if len(installed) != 1:
        pytest.skip("not exactly one FAISS distribution here")
    assert report["faiss"]["active"] == installed[0]
    assert report["faiss"]["distributions"] == [f"{installed[0]} {importlib.metadata.version(installed[0])}"]
    assert report["faiss"]["compile_options"] == importlib.import_module("faiss").get_compile_options().strip()


def test_every_blas_is_named_with_the_package_that_brought_it(report):
    assert any("numpy" in each["library"] or "faiss" in each["library"] for each in report["blas"])
    assert all({"library", "version", "kernel"} <= set(each) for each in report["blas"])


@pytest.mark.parametrize(("on_disk", "owns"), [(None, True), (b"other", False), (b"gpU", False), (b"", False)])
def test_a_distribution_owns_its_files_only_while_the_hash_holds(tmp_path, monkeypatch, on_disk, owns):
    install(tmp_path, "faiss-gpu", b"gpu", on_disk=on_disk)
    monkeypatch.syspath_prepend(tmp_path)
    assert doctor._owns_its_files("faiss-gpu") is owns


def faiss_report(**values):
    faiss = {"distributions": ["faiss-cpu 1"], "active": "faiss-cpu", "gpu_indexes": False, "gpus_seen": 0}
    return {"versions": {"faiss": "1.0"}, "faiss": faiss | values, "blas": []}


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"distributions": ["faiss-cpu 1", "faiss-gpu 2"]}, "faiss-cpu 1 and faiss-gpu 2 are both installed"),
        ({"active": None}, "the files of faiss-cpu were overwritten: pip uninstall -y faiss-cpu faiss-gpu; pip"),
        ({"gpu_indexes": True}, "sees no GPU"),
    ],
)
def test_a_faiss_in_trouble_is_warned_of(values, warning):
    (found,) = doctor._warnings(faiss_report(**values))
    assert warning in found


def test_a_sound_faiss_gives_no_warning():
    assert doctor._warnings(faiss_report()) == []
    assert doctor._warnings(faiss_report(gpu_indexes=True, gpus_seen=1)) == []


def test_a_kernel_without_avx_is_warned_of(monkeypatch):
    monkeypatch.setattr(doctor.platform, "machine", lambda: "x86_64")
    blas = [{"library": "faiss_cpu.libs/libopenblas.so", "version": "0.3.15", "kernel": "Prescott"}]
    (found,) = doctor._warnings(faiss_report() | {"blas": blas})
    assert "faiss_cpu.libs/libopenblas.so runs the kernel Prescott" in found
    assert doctor._warnings(faiss_report() | {"blas": [blas[0] | {"kernel": "Haswell"}]}) == []


def test_missing_extras_come_with_the_pip_command(monkeypatch):
    requires = ["numpy>=1", "numpy>=1; extra == 'here'", 'no-such-package-9>=1; extra == "gone"']
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: requires)
    assert doctor._extras() == {"here": "", "gone": "pip install 'mmkg[gone]'"}


def test_every_extra_of_the_package_is_told(report):
    """Those of the metadata; an image extra that lacks a package says how to bring it."""
    assert {"rdf", "parquet", "hdf5", "image", "dev"} <= set(report["extras"])
    assert set(report["extras"].values()) <= {"", *(f"pip install 'mmkg[{name}]'" for name in report["extras"])}


def test_the_cache_of_features_is_told_with_its_size(tmp_path, monkeypatch):
    monkeypatch.setenv("MMKG_CACHE", str(tmp_path))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x").write_bytes(b"\0" * 3_100_000)
    assert doctor._cache() == {"folder": str(tmp_path), "mb": 3}
    monkeypatch.setenv("MMKG_CACHE", str(tmp_path / "none"))
    assert doctor._cache()["mb"] == 0


def test_broken_and_absent_libraries_are_reported_not_raised(monkeypatch):
    real = importlib.import_module

    def import_module(name):
        if name in ("torch", "mmkg.compute.blas"):
            raise OSError("libtorch.so: cannot open")
        if name in ("faiss", "mmkg.search.faiss_module"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name)

    monkeypatch.setattr(doctor.importlib, "import_module", import_module)
    report = doctor.diagnose()
    assert report["versions"]["faiss"] is None
    assert report["torch"] == "OSError: libtorch.so: cannot open"
    assert report["blas"] == "OSError: libtorch.so: cannot open"
    assert "faiss is not installed: pip install faiss-cpu" in report["warnings"]
    assert any(warning.startswith("torch does not import (OSError") for warning in report["warnings"])
    assert "warning: faiss is not installed: pip install faiss-cpu\n" in doctor.diagnose_text()


def test_the_text_shows_versions_and_the_faiss_build(report):
    rows = dict(line.split("  ", 1) for line in doctor.diagnose_text().splitlines() if "  " in line)
    assert rows["python"].strip() == ".".join(map(str, sys.version_info[:3]))
    assert rows["torch"].strip() == report["versions"]["torch"]
    assert rows["faiss active"].strip() == str(report["faiss"]["active"])
