"""Episodes in Minari data sets on this machine (https://minari.farama.org); nothing is downloaded.

Minari keeps observations and actions as the simulator's spaces say, one observation more than
actions in each episode, and free metadata of episodes, where the level, the instruction and the
player are looked for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gengap.base.errors import UsageError, listing, suggest
from gengap.base.paths import typed
from gengap.control.spaces import leaves

if TYPE_CHECKING:
    from gengap.control.logged import Logged


def _storage() -> Any:
    try:
        import h5py  # noqa: F401
        from minari.dataset.minari_storage import MinariStorage
    except ImportError:
        raise UsageError(
            'Minari data sets need minari; run pip install "gengap[minari]".'
        ) from None
    return MinariStorage


def read_minari(given: str | Path, level: str | Sequence[Any]) -> dict[str, Any]:
    """The fields of :class:`Logged` from a data set.

    Args:
        given: its folder, or its id.
        level: what metadata of episodes call the level, or the level of each episode.

    Raises:
        UsageError: see :meth:`Logged.from_minari`.
    """
    storage, folder = _storage(), _folder(given)
    about = storage.read_raw_metadata(folder)
    # Without them Minari would make the environment that the file names, whatever that is.
    for name in ("observation_space", "action_space"):
        if name not in about:
            raise UsageError(
                f"{given} does not say its {name}; write it again with a newer Minari."
            )
    try:
        opened = storage.read(folder)
        episodes = list(opened.get_episodes(range(opened.total_episodes)))
        metadata = list(opened.get_episode_metadata(range(opened.total_episodes)))
    except (AssertionError, KeyError, OSError, RuntimeError, ValueError, TypeError) as error:
        raise UsageError(f"{given} cannot be read as a Minari data set: {error}") from None
    if not episodes:
        raise UsageError(f"{given} holds no episode; log some play first (gengap collect).")
    seen = [dict(leaves(_transposed(own["observations"]))) for own in episodes]
    steps = np.array([len(own["rewards"]) for own in episodes])
    rows = np.array([len(next(iter(own.values()))) for own in seen])
    wrong = np.flatnonzero((rows != steps) & (rows != steps + 1))
    if len(wrong):
        raise UsageError(
            f"Episode {wrong[0]} of {given} has {rows[wrong[0]]} observations of {steps[wrong[0]]} "
            "actions; it must have as many or one more."
        )
    return {
        "parts": {path: np.concatenate([_column(own[path]) for own in seen]) for path in seen[0]},
        "seen": rows,
        "steps": steps,
        "action": np.concatenate([np.asarray(own["actions"]) for own in episodes]),
        "reward": np.concatenate([own["rewards"] for own in episodes]),
        "terminated": np.concatenate([own["terminations"] for own in episodes]).astype(bool),
        "truncated": np.concatenate([own["truncations"] for own in episodes]).astype(bool),
        "level": _levels(metadata, level, given),
        "instruction": _told(metadata, "instruction"),
        "player": _told(metadata, "player"),
        "provenance": {
            key: about[key]
            for key in ("dataset_id", "algorithm_name", "author", "description", "minari_version")
            if key in about
        },
    }


def _folder(given: str | Path) -> Path:
    """The folder with the data of a data set."""
    places = [typed(given)]
    if "MINARI_DATASETS_PATH" in os.environ:
        places.append(typed(os.environ["MINARI_DATASETS_PATH"]) / str(given))
    places.append(Path.home() / ".minari" / "datasets" / str(given))
    for place in places:
        for folder in (place, place / "data"):
            if (folder / "metadata.json").is_file():
                return folder
    raise UsageError(
        f"There is no Minari data set {given} on this machine; give its folder, or set "
        "MINARI_DATASETS_PATH to the folder that it is below (minari download fetches one)."
    )


def _transposed(observations: Any) -> Any:
    """Minari's mappings of arrays, as they are; lists of text are arrays of objects."""
    if isinstance(observations, Mapping):
        return {name: _transposed(own) for name, own in observations.items()}
    if isinstance(observations, tuple):
        return tuple(map(_transposed, observations))
    return observations


def _column(values: Any) -> np.ndarray:
    text = len(values) and isinstance(values[0], str | bytes)
    if not text:
        return np.asarray(values)
    return np.array([v.decode() if isinstance(v, bytes) else v for v in values], dtype=object)


def _levels(metadata: list[dict[str, Any]], level: str | Sequence[Any], given: Any) -> np.ndarray:
    """The name of each episode's level."""
    if not isinstance(level, str):
        if len(level) != len(metadata):
            raise UsageError(f"{given} has {len(metadata)} episodes, not {len(level)}.")
        return np.array([str(own) for own in level], dtype=object)
    for key in (level, "seed") if level == "level" else (level,):
        if all(key in own for own in metadata):
            return np.array([_text(own[key]) for own in metadata], dtype=object)
    known = sorted({key for own in metadata for key in own})
    raise UsageError(
        f"The episodes of {given} do not say what {level} they were played in"
        f"{suggest(level, known) or ';'} their metadata hold {listing(known) or 'nothing'}, so "
        "give the name of one, or the level of each episode: from_minari(..., level=[...])."
    )


def _told(metadata: list[dict[str, Any]], key: str) -> np.ndarray | None:
    if not all(key in own for own in metadata):
        return None
    return np.array([_text(own[key]) for own in metadata], dtype=object)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def write_minari(logged: Logged, path: Path, simulator: Any) -> Path:
    """Write a data set beside its place, then move it there."""
    storage = _storage()
    path = typed(path).absolute()
    if path.exists():
        raise UsageError(f"{path} is there already; remove it, or choose another place.")
    draft = path.with_name(f"{path.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    observations, actions = _spaces(logged, simulator)
    try:
        (draft / "data").mkdir(parents=True)
        made = storage.new(draft / "data", observations, actions, jpeg_encoding=False)
        made.update_metadata(
            {
                "dataset_id": path.name,
                "minari_version": version("minari"),
                "algorithm_name": str(logged.provenance.get("policy", "unknown")),
                "description": f"Written by gengap. {dict(logged.provenance)}",
            }
        )
        made.update_episodes(_buffers(logged, observations, actions))
        made.update_episode_metadata(_metadata(logged))
        draft.replace(path)
    except OSError as error:
        raise UsageError(
            f"Cannot write {path}: {error.strerror or error}; choose another."
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return path


def _metadata(logged: Logged) -> list[dict[str, Any]]:
    """What is said of each episode."""
    columns = {"level": logged.level, "instruction": logged.instruction, "player": logged.player}
    there = {name: own for name, own in columns.items() if own is not None}
    return [{name: str(own[e]) for name, own in there.items()} for e in range(len(logged))]


def _spaces(logged: Logged, simulator: Any) -> tuple[Any, Any]:
    """The simulator's spaces, or boxes and numbers that hold what was logged."""
    if simulator is not None:
        return simulator.observation_space, simulator.action_space
    import gymnasium.spaces as kinds

    def box(values: np.ndarray) -> Any:
        if values.dtype == np.uint8:
            return kinds.Box(0, 255, values.shape[1:], np.uint8)
        if values.dtype == object:
            return kinds.Text(max(1, *map(len, values)), charset=frozenset("".join(set(values))))
        return kinds.Box(-np.inf, np.inf, values.shape[1:], np.float32)

    parts = {name: box(own) for name, own in logged.parts.items()}
    seen = parts[""] if "" in parts else kinds.Dict(parts)
    if logged.action.ndim == 1:
        return seen, kinds.Discrete(int(logged.action.max()) + 1)
    low, high = logged.action.min(0), logged.action.max(0)
    return seen, kinds.Box(low.astype(np.float32), high.astype(np.float32))


def _buffers(logged: Logged, observations: Any, actions: Any) -> list[Any]:
    """Minari's episodes."""
    from minari.data_collector import EpisodeBuffer

    whole = np.issubdtype(getattr(actions, "dtype", np.int64), np.integer)
    action = logged.action.astype(np.int64 if whole else actions.dtype)
    found = []
    for e in range(len(logged)):
        rows = slice(logged.first_seen[e], logged.first_seen[e] + logged.seen[e])
        own = slice(logged.first[e], logged.first[e] + logged.steps[e])
        found.append(
            EpisodeBuffer(
                id=e,
                observations=_nested({p: v[rows] for p, v in logged.parts.items()}, observations),
                actions=action[own],
                rewards=logged.reward[own].tolist(),
                terminations=logged.terminated[own].tolist(),
                truncations=logged.truncated[own].tolist(),
            )
        )
    return found


def _nested(parts: dict[str, np.ndarray], space: Any, path: str = "") -> Any:
    """Parts by their dotted names as the mappings and tuples of a space."""
    if hasattr(space, "spaces"):
        names = space.spaces if isinstance(space.spaces, Mapping) else range(len(space.spaces))
        found = {n: _nested(parts, space.spaces[n], f"{path}.{n}".lstrip(".")) for n in names}
        return found if isinstance(space.spaces, Mapping) else tuple(found.values())
    own = parts[path]
    if own.dtype == object:
        return own.tolist()
    return own.reshape(len(own), *(space.shape or ())).astype(space.dtype or own.dtype)
