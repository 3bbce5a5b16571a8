"""A fit on several devices beside the same on one; run in processes of its own by `test_devices`.

python on_devices.py virtual
python on_devices.py process COORDINATOR NUMBER
"""

import json
import sys


def main(kind, address="", number="0"):
    import jax

    if kind == "virtual":
        jax.config.update("jax_num_cpu_devices", 4)
    else:
        jax.distributed.initialize(address, num_processes=2, process_id=int(number))

    import numpy as np
    from small_cubes import cube, source

    import gjax
    from gjax.likelihood import scoring_terms
    from gjax.models import FoVBackgroundModel, Models

    gjax.enable_x64()
    datasets = [cube(f"cube-{i}", seed=i, width=0.9, source_counts=100) for i in range(3)]
    models = Models([source(), FoVBackgroundModel.for_datasets([dataset.name for dataset in datasets])])
    alone = gjax.Likelihood(datasets, models)
    spread = alone.on_devices()
    programs = [jax.jit(scoring_terms).lower(one.problem, one.start).compile() for one in (alone, spread)]
    found = [jax.device_get(program(one.problem, one.start)) for program, one in zip(programs, (alone, spread))]
    fits = [one.fit() for one in (alone, spread)]
    text = programs[1].as_text()
    answer = {
        "devices": len(spread.problem.buckets[0].counts.sharding.device_set),
        "collectives": {name: text.count(f"{name}(") for name in ("all-reduce", "all-gather", "all-to-all")},
        "statistic": [float(terms[0]) for terms in found],
        "gradient": [np.asarray(terms[1]).tolist() for terms in found],
        "fitted": [fit.total_stat for fit in fits],
        "covariance": [fit.covariance.tolist() for fit in fits],
        "success": [bool(fit.success) for fit in fits],
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
