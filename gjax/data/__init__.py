"""DL3 data: event lists, good time intervals, pointing, observations and their stores."""

from gjax.data.data_store import DataStore as DataStore
from gjax.data.event_list import EventList as EventList
from gjax.data.files import HDULocation as HDULocation
from gjax.data.gti import GTI as GTI
from gjax.data.index_tables import HDUIndexTable as HDUIndexTable
from gjax.data.index_tables import ObservationTable as ObservationTable
from gjax.data.observation import Observation as Observation
from gjax.data.observations import Observations as Observations
from gjax.data.pointing import FixedPointingInfo as FixedPointingInfo
from gjax.data.pointing import PointingMode as PointingMode
from gjax.data.write import write_datastore as write_datastore
