"""Write golden_geometry.json: what Gammapy finds for geometries and map operations. Run with Gammapy 2.1 installed.

python tests/maps/make_golden_geometry.py
"""

import json
from pathlib import Path

import numpy as np
from cases_maps import CASES, pattern, run_operations, weigh

if __name__ == "__main__":
    import gammapy
    from gammapy.maps import MapAxis, WcsGeom, WcsNDMap

    golden = {"gammapy": gammapy.__version__}
    for name, arguments in CASES.items():
        axis = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=4)
        geom = WcsGeom.create(**arguments, axes=[axis])
        cube = WcsNDMap(geom, data=pattern(geom.data_shape), unit="s")
        found = run_operations(geom, cube)
        golden[name] = {key: weigh(np.asarray(value, dtype=float)) for key, value in found.items()}
    Path(__file__).with_name("golden_geometry.json").write_text(json.dumps(golden, indent=1) + "\n")
