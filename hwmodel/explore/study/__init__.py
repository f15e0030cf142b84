"""Files that vary keys of a base configuration, sweeps and sizings: read strictly, all that is wrong said at once."""

from hwmodel.explore.study.axes import read_axis
from hwmodel.explore.study.document import base_of, read_study
