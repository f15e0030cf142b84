"""Who sends what to whom and when: a configuration becomes frame headers, traffic sources and recorded frames."""

from hwmodel.workload.build import build_workload
from hwmodel.workload.traffic import Records, Source, Workload
