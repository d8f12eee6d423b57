"""Model selection rules, applied to records after training."""

from gengap.selection.rules import RULES, Candidate, Rule, choose, rule_named

__all__ = ["RULES", "Candidate", "Rule", "choose", "rule_named"]
