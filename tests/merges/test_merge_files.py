"""Checkpoints merged in files: as dicts are, whole or not at all, read and written as others do."""

from __future__ import annotations

import json
import pickle
import pkgutil

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import gengap as gg
from gengap.base.errors import UsageError
from gengap.merges import files
from gengap.merges.checkpoints import opened
from gengap.merges.files import merge_files
from gengap.merges.registry import merge_info


def network(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "blocks.0.weight": torch.randn(37, 11, generator=generator),
        "blocks.10.weight": torch.randn(5, 4, generator=generator).to(torch.bfloat16),
        "blocks.2.weight": torch.randn(64, generator=generator, dtype=torch.float64),
        "head.bias": torch.randn((), generator=generator),
        "positions": torch.arange(7),
        "empty": torch.zeros(0, 3),
    }


@pytest.fixture
def three(tmp_path):
    paths = [tmp_path / f"{name}.safetensors" for name in "abc"]
    for seed, path in enumerate(paths):
        save_file(network(seed), path)
    return paths


def same(found: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert found.keys() == right.keys()
    for name in right:
        assert found[name].dtype == right[name].dtype
        assert torch.equal(found[name], right[name]), name


@pytest.mark.parametrize("method", ["average", "wise-ft"])
def test_files_merge_as_dicts_do(three, tmp_path, monkeypatch, method):
    monkeypatch.setattr(files, "PIECE", 100)  # several pieces a tensor
    out = tmp_path / "new" / "merged.safetensors"
    made = merge_files(merge_info(method), three[:2], out, three[2], weights=[1, 3])
    models = [network(0), network(1)]
    right = getattr(gg.merges, method.replace("-", "_"))(models, network(2), weights=[1, 3])
    same(load_file(out), right)
    with safe_open(out, "pt") as file:
        assert file.metadata() == {"format": "pt"}
    assert made.tensors == 6
    assert made.parameters == 37 * 11 + 20 + 64 + 1 + 7
    assert made.weights == (0.25, 0.75)
    assert made.files == (str(out),)


@pytest.mark.parametrize("kinds", [("float32", "bfloat16"), ("float32", "float64")])
@pytest.mark.parametrize("order", [1, -1])
def test_numbers_of_other_widths_in_other_files(tmp_path, kinds, order):
    exact = {"a": torch.tensor([1.0, 2.0, 8.0]), "b": torch.tensor([3.0, -4.0])}
    for scale, kind in enumerate(kinds, 1):
        own = {name: (scale * t).to(getattr(torch, kind)) for name, t in exact.items()}
        save_file(own, tmp_path / f"{kind}.safetensors")
    paths = [tmp_path / f"{kind}.safetensors" for kind in kinds][::order]
    merge_files(merge_info("average"), paths, out := tmp_path / "out.safetensors")
    first = getattr(torch, kinds[::order][0])
    same(load_file(out), {name: (1.5 * t).to(first) for name, t in exact.items()})
    # Halfway from the second, as the base, to the first.
    merge_files(merge_info("wise-ft"), paths[:1], out, paths[1], share=0.5)
    same(load_file(out), {name: (1.5 * t).to(first) for name, t in exact.items()})


def test_types_that_are_not_merged_are_found_in_any_model(tmp_path):
    save_file({"w": torch.ones(3)}, tmp_path / "a.safetensors")
    save_file({"w": torch.ones(3).to(torch.float8_e4m3fn)}, tmp_path / "b.safetensors")
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    with pytest.raises(UsageError, match=r"^w is float8_e4m3fn, which is not merged; convert"):
        merge_files(merge_info("average"), paths, tmp_path / "out.safetensors")


def test_whole_numbers_are_equal_whatever_their_width(tmp_path):
    for name, kind in (("a", torch.int64), ("b", torch.int8)):
        save_file({"n": torch.tensor([3, 5], dtype=kind)}, tmp_path / f"{name}.safetensors")
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    merge_files(merge_info("average"), paths, out := tmp_path / "out.safetensors")
    same(load_file(out), {"n": torch.tensor([3, 5])})


def test_shards_are_written_and_read_again(three, tmp_path):
    folder = tmp_path / "sharded"
    merge_files(merge_info("average"), three[:1], folder, shard=600)
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    right = network(0)
    assert index["weight_map"].keys() == right.keys()
    assert index["metadata"]["total_size"] == sum(t.nbytes for t in right.values())
    # The first tensor has 1628 bytes and is alone; 40 and 512 and 0 and 4 fit together, not 56.
    names = sorted(set(index["weight_map"].values()))
    assert names == [f"model-{k:05}-of-00003.safetensors" for k in (1, 2, 3)]
    assert names == sorted(path.name for path in folder.glob("*.safetensors"))
    read = {k: v for name in names for k, v in load_file(folder / name).items()}
    same(read, right)
    (folder / "config.json").write_text("{}")
    again = tmp_path / "again"
    merge_files(merge_info("average"), [folder, three[0]], again)
    same(load_file(again / "model.safetensors"), right)
    assert (again / "config.json").read_text() == "{}"
    with opened(folder / "model.safetensors.index.json") as checkpoint:
        assert len(checkpoint.files) == 3
        assert torch.equal(
            checkpoint.part("blocks.0.weight", slice(3, 9)), right["blocks.0.weight"].ravel()[3:9]
        )


def test_transformers_reads_what_is_written(tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        n_layer=2, n_head=2, n_embd=8, vocab_size=11, n_positions=5, bos_token_id=0, eos_token_id=0
    )
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        made = transformers.GPT2LMHeadModel(config)
        made.save_pretrained(tmp_path / str(seed), max_shard_size="4KB")
        states.append(made.state_dict())
    out = tmp_path / "out"
    merge_files(merge_info("average"), [tmp_path / "0", tmp_path / "1"], out, shard=2000)
    loaded = transformers.GPT2LMHeadModel.from_pretrained(out).state_dict()
    for name in loaded:
        torch.testing.assert_close(loaded[name], (states[0][name] + states[1][name]) / 2)


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def broken(tmp_path, name: str):
    path = tmp_path / name
    good = tmp_path / "good.safetensors"
    save_file({"w": torch.arange(6.0)}, good)
    whole = good.read_bytes()
    if name in ("old.pt", "old.safetensors"):
        torch.save({"w": Trap()}, path)
    elif name == "model.pkl":
        path.write_bytes(pickle.dumps(Trap()))
    elif name == "short.safetensors":
        path.write_bytes(whole[:-4])
    elif name == "text.safetensors":
        path.write_text("not a model at all")
    elif name == "outside.safetensors":
        path.write_bytes(whole.replace(b"[0,24]", b"[8,32]"))
    elif name == "up.safetensors.index.json":
        path.write_text(json.dumps({"weight_map": {"w": "../up.safetensors"}}))
    elif name == "torch.safetensors.index.json":
        path.write_text(json.dumps({"weight_map": {"w": "pytorch_model-00001.bin"}}))
    elif name == "list.safetensors.index.json":
        path.write_text("[1]")
    elif name == "more.safetensors.index.json":
        path.write_text(json.dumps({"weight_map": {"w": good.name, "v": good.name}}))
    elif name == "folder":
        path.mkdir()
    elif name == "pickled":
        path.mkdir()
        (path / "pytorch_model.bin").write_bytes(b"")
    return path


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("old.pt", "old.pt needs unpickling, which can run anything, and is not read; convert it"),
        ("old.safetensors", "old.safetensors needs unpickling"),
        ("model.pkl", "model.pkl needs unpickling"),
        ("pickled", "pickled needs unpickling"),
        ("torch.safetensors.index.json", "index.json needs unpickling"),
        ("short.safetensors", "short.safetensors has no header that fits what it holds"),
        ("text.safetensors", "text.safetensors is no safetensors file, or cut short"),
        ("outside.safetensors", "outside.safetensors has no header that fits what it holds"),
        ("up.safetensors.index.json", "names the file ../up.safetensors, which is not beside it"),
        ("list.safetensors.index.json", "is no index of safetensors files: it has no weight_map"),
        ("more.safetensors.index.json", "names the tensor v, which its files do not hold"),
        ("folder", "folder holds neither model.safetensors.index.json nor model.safetensors"),
        ("none.safetensors", "There is no file"),
    ],
)
def test_what_cannot_be_read_is_said_and_nothing_is_written(tmp_path, name, sentence):
    path = broken(tmp_path, name)
    out = tmp_path / "made" / "out.safetensors"
    with pytest.raises(UsageError) as caught:
        merge_files(merge_info("average"), [path], out)
    assert sentence in str(caught.value)
    assert not out.parent.exists()


def test_nothing_is_half_written(three, tmp_path):
    spoiled = network(1)
    spoiled["head.bias"] = torch.tensor(float("nan"))
    save_file(spoiled, three[1])
    before = sorted(tmp_path.iterdir())
    for out in (tmp_path / "out", tmp_path / "out.safetensors", three[2]):
        with pytest.raises(UsageError, match=r"head.bias in .*b.safetensors holds NaN"):
            merge_files(merge_info("average"), three[:2], out, shard=600)
    assert sorted(tmp_path.iterdir()) == before
    same(load_file(three[2]), network(2))


def interrupted(monkeypatch, target: str, after: int) -> None:
    """Let Ctrl-C come at a call of something, after so many that go well."""
    left = iter(range(after))
    home, name = target.rsplit(".", 1)
    real = getattr(pkgutil.resolve_name(home), name)

    def stopped(*given, **named):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*given, **named)

    monkeypatch.setattr(target, stopped)


@pytest.mark.parametrize(
    ("target", "after"),
    [
        ("gengap.merges.shards.header", 1),
        ("gengap.merges.checkpoints.Checkpoint.read", 7),
        ("gengap.merges.shards.index_text", 0),
        ("shutil.copyfile", 0),
        ("pathlib.Path.replace", 0),
        ("pathlib.Path.replace", 2),
    ],
)
def test_ctrl_c_leaves_nothing_of_a_folder(tmp_path, monkeypatch, target, after):
    for name in "ab":
        (tmp_path / name).mkdir()
        save_file(network(ord(name)), tmp_path / name / "model.safetensors")
        (tmp_path / name / "config.json").write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    interrupted(monkeypatch, target, after)
    with pytest.raises(KeyboardInterrupt):
        merge_files(
            merge_info("average"), [tmp_path / "a", tmp_path / "b"], tmp_path / "new" / "er",
            shard=600,
        )  # fmt: skip
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("target", "after"),
    [("gengap.merges.checkpoints.Checkpoint.read", 5), ("pathlib.Path.replace", 0)],
)
def test_ctrl_c_leaves_the_file_that_was_there(three, tmp_path, monkeypatch, target, after):
    interrupted(monkeypatch, target, after)
    with pytest.raises(KeyboardInterrupt):
        merge_files(merge_info("average"), three[:2], three[2])
    assert sorted(tmp_path.iterdir()) == three
    same(load_file(three[2]), network(2))


@pytest.mark.parametrize("method", ["average", "wise-ft"])
def test_what_is_not_finite_is_found_where_it_does_not_count(three, tmp_path, method):
    spoiled = network(1)
    spoiled["blocks.0.weight"][3, 4] = float("inf")
    save_file(spoiled, three[1])
    with pytest.raises(UsageError, match=r"blocks.0.weight in .*b.safetensors holds NaN"):
        merge_files(
            merge_info(method), three[:2], tmp_path / "out.safetensors", three[2], weights=[1, 0]
        )


def test_numbers_whose_sum_overflows_are_finite(tmp_path):
    large = {"w": torch.full((100,), 3e38)}
    save_file(large, tmp_path / "a.safetensors")
    out = tmp_path / "out.safetensors"
    merge_files(merge_info("average"), [tmp_path / "a.safetensors"] * 2, out)
    same(load_file(out), large)


def test_where_it_cannot_be_written(three, tmp_path, monkeypatch):
    info = merge_info("average")
    with pytest.raises(UsageError, match="is also merged; write to another place"):
        merge_files(info, three, three[0])
    (tmp_path / "tuned").mkdir()
    own = tmp_path / "tuned" / "model.safetensors"
    own.write_bytes(three[0].read_bytes())
    for read in ({"paths": [*three, own.parent]}, {"paths": three, "base": own.parent}):
        with pytest.raises(UsageError, match="is also merged; write to another place"):
            merge_files(info, out=own, **read)
    assert own.read_bytes() == three[0].read_bytes()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(UsageError, match="is there already and no empty folder"):
        merge_files(info, three, tmp_path / "full")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("", (), {"free": 10}))
    with pytest.raises(UsageError, match="has room for 10 bytes and the merged model has 2,"):
        merge_files(info, three, tmp_path / "new.safetensors")
    assert not (tmp_path / "new.safetensors").exists()


def test_names_that_differ_are_told_by_file(three, tmp_path):
    other = network(1)
    other["blocks.0.weight"] = torch.zeros(3, 4)
    save_file(other, three[1])
    with pytest.raises(UsageError, match=r"blocks.0.weight has the shape 3x4 in .*b.safetensors"):
        merge_files(merge_info("average"), three, tmp_path / "out.safetensors")
    with pytest.raises(UsageError, match=r"wise-ft needs a base model; name its file with --base"):
        merge_files(merge_info("wise-ft"), three, tmp_path / "out.safetensors")


@pytest.mark.parametrize("method", ["ties", "dare", "grafting", "model-stock", "orthogonal-groups"])
def test_merges_that_see_whole_tensors_or_all_of_them(three, tmp_path, method):
    out = tmp_path / "merged.safetensors"
    merge_files(merge_info(method), three[:2], out, three[2], seed=5)
    function = getattr(gg.merges, method.replace("-", "_"))
    same(load_file(out), function([network(0), network(1)], network(2), seed=5))


def test_perceptrons_are_aligned_in_files(tmp_path):
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        made = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        states.append(made.state_dict())
        save_file(states[-1], tmp_path / f"{seed}.safetensors")
    paths = [tmp_path / "0.safetensors", tmp_path / "1.safetensors"]
    merge_files(merge_info("rebasin"), paths, tmp_path / "out.safetensors")
    same(load_file(tmp_path / "out.safetensors"), gg.merges.rebasin(states))
