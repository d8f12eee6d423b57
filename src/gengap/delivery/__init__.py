"""Models to put to work: trained on all environments, guarded, described, saved for anyone."""

from gengap.delivery.answers import Answers
from gengap.delivery.fitting import fit, fit_unmeasured
from gengap.delivery.loading import load
from gengap.delivery.model import Delivered

__all__ = ["Answers", "Delivered", "fit", "fit_unmeasured", "load"]
