"""Teacher and student: who is sent, what is learned of a better teacher, and what it costs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import gengap as gg
from gengap.base.errors import UsageError
from gengap.testing import adapter_toy


def test_the_most_uncertain_are_sent() -> None:
    toy = adapter_toy("rows-plain")
    adapter = gg.adapters.TeacherStudent(toy.model, share=0.25)
    sent = []
    teach = adapter._teach
    adapter._teach = lambda x, classes: sent.append(x) or teach(x, classes)
    x = toy.x[:16]
    adapter.predict(x)
    with torch.no_grad():
        entropy = torch.distributions.Categorical(logits=toy.model(x)).entropy()
    expected = x[entropy.argsort(descending=True)[:4]]
    torch.testing.assert_close(sent[0], expected)
    assert (adapter.forwards, adapter.backwards) == (16 + 4 + 4, 4)


def test_a_better_teacher_is_followed() -> None:
    """The stream is offset; the teacher knows of it, and the prompt learns to take it back."""
    toy = adapter_toy("rows-plain")

    class Knowing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = toy.model

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.model(x - 1.5)

    x = toy.source.x + 1.5
    with torch.no_grad():
        right = toy.model(toy.source.x).softmax(1)
    adapter = gg.adapters.TeacherStudent(
        toy.model, teacher=Knowing(), learning_rate=0.05, share=1.0
    )
    apart = [float((adapter.predict(x).softmax(1) - right).abs().mean()) for _ in range(40)]
    assert apart[-1] < apart[0] / 2


def test_the_teacher_is_the_students_running_mean() -> None:
    toy = adapter_toy("images-batchnorm")
    adapter = gg.adapters.TeacherStudent(toy.model, memory=0.9)
    start = [p.detach().clone() for p in adapter.adapting]
    adapter.predict(toy.x)
    teacher = [p for n, p in adapter.past.named_parameters() if n in ("1.weight", "1.bias")]
    for old, new, mean in zip(start, adapter.adapting, teacher, strict=True):
        torch.testing.assert_close(mean, 0.9 * old + 0.1 * new.detach())
    adapter.reset()
    assert all(torch.equal(a, b) for a, b in zip(teacher, start, strict=True))


def test_a_teacher_of_other_classes_is_refused() -> None:
    toy = adapter_toy("rows-plain")
    with pytest.raises(UsageError, match="5 classes and the student 3"):
        gg.adapters.TeacherStudent(toy.model, teacher=nn.Linear(6, 5)).predict(toy.x)
