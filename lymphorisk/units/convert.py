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
MGY_PER_GY = 1000.0
ML_PER_L = 1000.0
CM_PER_M = 100.0
CM_PER_INCH = 2.54
INCHES_PER_FOOT = 12.0
KG_PER_POUND = 0.4536
POUNDS_PER_STONE = 14.0
UMOL_L_PER_MG_DL_CREATININE = 88.4
