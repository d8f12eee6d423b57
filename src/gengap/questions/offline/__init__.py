"""Agents that learn from logs: who wrote the log, and which checkpoint to keep."""

from gengap.questions.offline.provenance import Learnt, Provenance, by_provenance

__all__ = ["Learnt", "Provenance", "by_provenance"]
