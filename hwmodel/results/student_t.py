"""Student's t, for 95 % intervals of a few runs or batches."""

from __future__ import annotations

# 97.5 %, 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2).
_T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
NORMAL_975 = 1.959964  # 97.5 % of a normal distribution lie below it


def student_t_975(degrees: int) -> float:
    """Return the 97.5 % point of Student's t; ValueError for less than one degree of freedom.

    Above 30 degrees by the first terms of Fisher's expansion, right to the third decimal.
    """
    if degrees < 1:
        raise ValueError("an interval needs two samples or more")
    if degrees <= len(_T_975):
        return _T_975[degrees - 1]
    z = NORMAL_975
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
