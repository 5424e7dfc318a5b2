"""Units: what every number in lymphorisk is in, and the few conversions.

dose [Gy] . length [mm] in geometry, volume [cm3] . beam time [s] . course time [d] .
lymphocyte count [10^9/L] . body height [cm], weight [kg] . shares as fractions of one.
"""

from __future__ import annotations

MM_PER_CM = 10.0
MM3_PER_CM3 = 1000.0
SECONDS_PER_MINUTE = 60.0
SECONDS_PER_DAY = 86400.0
HOURS_PER_DAY = 24.0
CGY_PER_GY = 100.0
ML_PER_L = 1000.0
