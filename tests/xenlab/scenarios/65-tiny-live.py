"""Both shelves of the tiny guest: ten live migrations each, from this host to this host, while they work."""
import tiny

FLAVOUR = "noshadow"


def run(stage):
    for name in ("still", "moving"):
        seconds = tiny.play(stage, 10, "live", tiny.shelf(name))
        stage.figure(f"{name}: {len(seconds)} scenarios, ten live migrations each: " +
                     ", ".join(f"{scenario} {s} s" for scenario, s in seconds.items()))
