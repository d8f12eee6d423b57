"""Examples with environment labels: the data model and the readers of users' files."""

from gengap.environments.archives import read_npz
from gengap.environments.core import Environments
from gengap.environments.idx import read_idx
from gengap.environments.images import read_image_folder
from gengap.environments.readers import read, read_table

__all__ = [
    "Environments",
    "read",
    "read_idx",
    "read_image_folder",
    "read_npz",
    "read_table",
]
