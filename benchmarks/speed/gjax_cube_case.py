"""gjax on a case with cubes, in one process: cold (to the first fit) or warm (every phase, repeated)."""

from script_tools import Clock, options

arguments = options()
clock = Clock(arguments.started)
with clock.phase("import gjax"):
    import gjax  # noqa: F401
with clock.phase("import"):
    import gjax_cubes as package
    from cube_phases import run_case

package.set_up(arguments)
run_case(clock, arguments, package)
