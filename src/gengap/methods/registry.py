"""One record per training method, stating its paper, its needs and its cost."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from gengap.base.paper import Paper
from gengap.base.registry import Registry
from gengap.methods.base import Method

# What methods may need and a problem may lack.
ONE_TARGET = "one target per example"
NUMERIC_INPUTS = "numeric inputs"
LINEAR_END = "a linear last layer"
SPATIAL = "images or signals"
ALL_ROWS = "all training rows at hand"
VIEWS = "other views of an input"
UNLABELLED_TRAINING = "unlabelled inputs of training environments"
UNLABELLED_UNSEEN = "unlabelled unseen inputs"
OUTLIERS = "outliers"
TRANSITIONS = "logged transitions"
SIMULATOR = "a simulator"
EXPERT = "an expert"
CONTEXTS = "contexts that agents see"
PROCEDURE = "an expert's search"
GOALS = "goals that are seen as places are"
STEPS = "steps written before answers"
DEMONSTRATIONS = "pairs to show before others"
GUIDED = "inputs that are marked (--guided)"
SAME_STEP = "graphs that a processor reads, of whose rounds others have the same"
# How many signs of an input are -1, told by the factor of this name.
HAMMING_WEIGHT = "hamming_weight"
WEIGHTS = f"a factor {HAMMING_WEIGHT}"
# What only problems have whose units are acted in, and what else few have; all others lack them.
CONTROL = (TRANSITIONS, SIMULATOR, EXPERT, CONTEXTS, PROCEDURE, GOALS)
RARE = (*CONTROL, STEPS, DEMONSTRATIONS, GUIDED, WEIGHTS, SAME_STEP)
# What networks are trained to say, where they act.
ACTIONS = {"classification": "numbered actions", "regression": "actions that are vectors"}


@dataclass(frozen=True)
class MethodInfo:
    """What the registry knows about a method.

    Attributes:
        method: the dataclass of hyperparameters that implements it.
        name: what the user types.
        summary: one line that says what the method does.
        paper: the source.
        tasks: the kinds of problem it applies to.
        needs: what it needs beyond examples and targets, in words.
        passes: forward-backward passes over a batch per step; plain training is 1.
        looks: passes over all training rows in the whole training, beside those of the steps.
        replays: transitions of its own play that a run keeps.
        own_network: whether it trains small networks of its own and leaves the study's alone; then
            passes are through these.
        minimum_environments: fewest training environments with which it differs from nonsense.
    """

    method: type[Method]
    name: str
    summary: str
    paper: Paper
    tasks: tuple[str, ...] = ("classification", "regression")
    needs: tuple[str, ...] = ()
    passes: float = 1.0
    looks: int = 0
    replays: int = 0
    own_network: bool = False
    minimum_environments: int = 1

    @property
    def remembers(self) -> bool:
        """Whether what its agents do depends on what went before in an episode."""
        return self.method.recall is not Method.recall

    @property
    def sees_unseen(self) -> bool:
        """Whether it sees inputs of the unseen environment: of its training part, no labels."""
        return UNLABELLED_UNSEEN in self.needs

    @property
    def sees_outliers(self) -> bool:
        """Whether it sees inputs of no environment: outliers, or a mixture met in use."""
        return OUTLIERS in self.needs

    @property
    def sees_unlabelled(self) -> bool:
        """Whether its batches hold unlabelled inputs."""
        return bool({UNLABELLED_UNSEEN, UNLABELLED_TRAINING, OUTLIERS} & set(self.needs))

    def why_not(
        self,
        task: str,
        environments: int,
        hidden_features: bool = True,
        lacks: Collection[str] = (),
    ) -> str | None:
        """Say in a sentence why the method cannot apply, or return None when it can.

        Args:
            task: what networks are trained to say: classes or values.
            environments: the smallest number of training environments of a split.
            hidden_features: whether the network has any.
            lacks: needs that the problem cannot meet.
        """
        # Labels are each a yes or no, with a loss that is neither of one class nor of values: what
        # applies to both and to several targets asks for no more than the loss.
        both = {"classification", "regression"} <= set(self.tasks)
        if task == "labels" and not both:
            return f"{self.name} needs {ONE_TARGET}, which these data do not have."
        task = "classification" if task == "labels" else task
        if task not in self.tasks and {TRANSITIONS, SIMULATOR} & set(self.needs):
            return (
                f"{self.name} is for {ACTIONS[self.tasks[0]]} only; here there are {ACTIONS[task]}."
            )
        if task not in self.tasks:
            fitting = " and ".join(self.tasks)
            return f"{self.name} applies to {fitting} only; the target is a {task}."
        if environments < self.minimum_environments:
            return (
                f"{self.name} needs at least {self.minimum_environments} training environments; "
                f"a split has {environments}."
            )
        missing = [need for need in self.needs if need in lacks]
        if missing:
            return f"{self.name} needs {missing[0]}, which these data do not have."
        if "hidden features" in self.needs and not hidden_features:
            return f"{self.name} needs hidden features; a linear model has none, use --model mlp."
        return None


_REGISTRY = Registry(
    MethodInfo,
    "method",
    "gengap.methods",
    first="erm",
    also="sklearn:NAME for any scikit-learn estimator",
)
register = _REGISTRY.register
methods = _REGISTRY.all
method_info = _REGISTRY.get


# Between the names of a method and of a model, where a study has several models, and of a remedy.
WITH_MODEL, WITH_REMEDY = " @ ", " + "


def registered(name: str) -> MethodInfo:
    """The record of a study's entry's training.

    Of ``"irm"``, of a second ``"irm #2"``, of ``"irm @ linear"`` and of ``"irm + tent"``.
    """
    return method_info(name.split(WITH_REMEDY)[0].split(WITH_MODEL)[0].split(" #")[0])
