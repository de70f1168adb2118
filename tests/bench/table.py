"""The figures in columns."""
PAGES_A_MIB = 256
GOALS = {"save, plain, to /dev/null": 3, "save, plain, to tmpfs": 3, "save, zstd, to /dev/null": 1, "save, zstd, to tmpfs": 1,
         "save, auto, to tmpfs": 0.9, "save, auto, to 1000 MB/s": 1.5, "save, auto, to 200 MB/s": 4,
         "restore, plain, from tmpfs": 3, "restore, zstd, from tmpfs": 3, "restore, auto, from tmpfs": 1.3}

BOUNDS = {"save, plain, to /dev/null": "mapping the guest's pages, by all threads",
          "save, plain, to tmpfs": "the kernel's write, one thread's: a file takes one write at a time (\"write to tmpfs\" above)",
          "save, zstd, to /dev/null": "zstd, by all threads; upstream's pages are not even looked at",
          "save, zstd, to tmpfs": "zstd, by all threads",
          "save, auto, to tmpfs": "the kernel's write, and copying, hashing and zstd beside it",
          "save, auto, to 1000 MB/s": "zstd, by all threads",
          "save, auto, to 200 MB/s": "what the sink takes",
          "restore, plain, from tmpfs": "mapping, and the kernel's read, by all threads",
          "restore, zstd, from tmpfs": "zstd, by all threads",
          "restore, auto, from tmpfs": "zstd and hashing, by all threads"}


def print_head(facts):
    print(f"{facts['processors']} processors, load {facts['load']:.1f}; medians of {facts['rounds']} pairs of runs, "
          "upstream and pvferry in turn; ratios are medians of the pairs' ratios, >1: pvferry is faster.\n"
          "job: the work itself; whole: the processes from start to end; cpu: user + system. The guest's own time to "
          "suspend is in none of them.\n")


def print_case(r):
    up, our, ratio = r["upstream"], r["pvferry"], r["ratio"]
    goal = GOALS[r["case"]]
    print(f"{r['mib']:>5} MiB  {r['case']:27} job {up['job'] * 1e3:7.0f} {our['job'] * 1e3:7.0f} ms "
          f"{ratio['job']:5.2f} ({'goal' if ratio['job'] >= goal else 'MISSED'} {goal})   "
          f"whole {up['whole'] * 1e3:7.0f} {our['whole'] * 1e3:7.0f} {ratio['whole']:5.2f}   "
          f"cpu {up['cpu'] * 1e3:7.0f} {our['cpu'] * 1e3:7.0f} {ratio['cpu']:5.2f}   "
          f"private {up['memory']['private-mib']:4.0f} {our['memory']['private-mib']:4.0f} MiB, "
          f"tables {up['memory']['tables-mib']:3.0f} {our['memory']['tables-mib']:3.0f} MiB"
          + (f"   size {r['size']:.3f}" if "size" in r else ""), flush=True)


def print_growth(results):
    """Nanoseconds a page, by size."""
    sizes = sorted({r["mib"] for r in results})
    if not sizes:
        return
    print(f"\nns a page (job): {' ' * 26}" + "".join(f"{size:>12} MiB " for size in sizes))
    for case in dict.fromkeys(r["case"] for r in results):
        by_size = {r["mib"]: r for r in results if r["case"] == case}
        for who in "upstream", "pvferry":
            cells = (f"{by_size[s][who]['job'] * 1e9 / s / PAGES_A_MIB:16.0f} " if s in by_size else " " * 17 for s in sizes)
            print(f"  {case:30} {who:10}" + "".join(cells))


def print_bounds(results):
    print("\nWhat bounds pvferry:")
    for case in dict.fromkeys(r["case"] for r in results):
        print(f"  {case:30} {BOUNDS[case]}")


def print_micro(rows):
    for row in rows:
        other = f"{row['upstream']:12.4g} upstream's rule, {row['ratio']:5.2f}" if "upstream" in row else ""
        goal = f" ({'goal' if row['ratio'] >= row['goal'] else 'MISSED'} {row['goal']})" if "goal" in row else ""
        print(f"{row['case']:44} {row['pvferry']:12.4g} {row['unit']:10} {other}{goal}")
    print(flush=True)
