"""A lab for per-session state that leaks: what a map of sessions costs, what a bound on it costs, and what to choose.

The packages in the order of the flow, with the names to begin with. Each imports only from packages above it, and
importing `simlib` imports none of them.

core          what all others use
    units.parse_duration, numbers.format_number, statistics.estimate, variates.uniform, errors.InputError
stores        the designs: what a store is, the registry, one file a design
    contract.Store, contract.Settings, registry.find_design, registry.make_store
figures       how results look: one style, one module a notebook
    style.Drawing, style.save
traces        the stream of operations, read from and written to files
    trace.Trace, files.read_trace, files.write_trace, chunks.open_stream, routing.instance_of
workloads     what arrives: the file format, the SimPy model, the compiled generator
    schema.load_workload, churn.simulate, generator.generated
replay        stores over a stream, and the ledger of what they did
    observe.replay, ledger.totals, totals.stream_totals, surface.surface
models        bytes and nanoseconds of the Go maps, closed forms, more traffic
    heap.heap_model, cost.prices, cost.design_cost, theory.occupancy, peers.peers_table
experiments   replications of a workload or a log, and sweeps over many settings
    experiment.open_experiment, sweep.grid, sweep.sweep, time_to_limit.time_to_limit, executors.local_processes
calibration   the Go programs that the models are fitted to
    golang.build, golang.Program, golang.code_lines, designs.conform, designs.measure
report        the notebooks, run and gathered into one pack
    notebooks.notebook_names, runner.run_jobs, pack.Pack, pages.write_report
analysis      the findings of each notebook
    overview.Overview, memory.Memory, accuracy.Accuracy, prune.PruneCost, validation.Validation, scale.Scale
cli           the commands, a module each
    main.main
"""
