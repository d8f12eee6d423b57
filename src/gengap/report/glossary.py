"""The report's terms, each with its formula; losses have the signs the other way round."""

from __future__ import annotations


def terms(higher_is_better: bool) -> list[tuple[str, str]]:
    """Return terms and definitions; positive always means worse off."""

    def minus(first: str, second: str) -> str:
        left, right = (first, second) if higher_is_better else (second, first)
        return f"{left} − {right}"

    return [
        ("environment", "Where an example comes from: a value of the environment column."),
        (
            "in distribution",
            "Trained on the training part of the other environments, scored on the test part of "
            "those same environments.",
        ),
        (
            "unseen",
            "Trained in the same way, scored on the test part of an environment that gave no "
            "training example.",
        ),
        (
            "reference",
            "Trained on as many examples drawn from all environments, the unseen one included, and "
            "scored on the very examples that unseen is scored on.",
        ),
        ("gap", f"{minus('in distribution', 'unseen')}: difficulty and cost of unseen together."),
        (
            "difficulty",
            f"{minus('in distribution', 'reference')}: the environment is simply harder.",
        ),
        (
            "cost of unseen",
            f"{minus('reference', 'unseen')}: what not having seen the environment costs, compared "
            "example by example.",
        ),
        (
            "95% interval on these environments",
            "Where the cost plausibly lies, averaged over just the environments measured here.",
        ),
        (
            "95% interval for a single new one",
            "Where the cost in one more environment from the same source plausibly lies; "
            "environments are the unit, so only more environments make it much narrower.",
        ),
        (
            "plain training (erm)",
            "Minimises the average loss and ignores where examples come from.",
        ),
        (
            "against plain training",
            "The difference where unseen, on the same examples; positive is better. Its interval "
            "is widened for the number of methods compared, and the verdict is read off it: better "
            "or worse when it excludes zero.",
        ),
        (
            "selection rule",
            "How hyperparameters and the stopping point are chosen. A rule that peeks looks at the "
            "unseen environment, which nobody can do in advance; each look is counted.",
        ),
    ]
