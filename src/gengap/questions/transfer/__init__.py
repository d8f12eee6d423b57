"""What weights of one task are worth for another."""

from gengap.questions.transfer.tasks import Task, tasks_of
from gengap.questions.transfer.transferability import Pair, Transferability, transferability

__all__ = ["Pair", "Task", "Transferability", "tasks_of", "transferability"]
