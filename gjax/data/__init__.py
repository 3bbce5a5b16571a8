"""DL3 data: event lists, good time intervals, pointing, observations and their stores."""

from gjax.data.event_list import EventList as EventList
from gjax.data.gti import GTI as GTI
from gjax.data.pointing import FixedPointingInfo as FixedPointingInfo
from gjax.data.pointing import PointingMode as PointingMode
