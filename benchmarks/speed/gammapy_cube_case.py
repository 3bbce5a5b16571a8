"""Gammapy on a case with cubes, in one process: cold (to the first fit) or warm (every phase, repeated)."""

from script_tools import Clock, options

arguments = options()
clock = Clock(arguments.started)
with clock.phase("import gammapy"):
    import gammapy  # noqa: F401
with clock.phase("import"):
    import gammapy_cubes as package
    from cube_phases import run_case

package.set_up(arguments)
run_case(clock, arguments, package)
