"""The tiny guest with the linear p2m, alone and beside the lists; what depends on its form."""
import tiny

FLAVOUR = "noshadow"


def run(stage):
    for form in ("linear", "both"):
        seconds = tiny.play(stage, 2, f"p2m={form}", ["several-lists", "ballooned-holes", "balloon"])
        seconds |= tiny.play(stage, 2, f"p2m={form},noxlsave", ["move-p2m"])
        stage.figure(f"{form}: " + ", ".join(f"{scenario} {s} s" for scenario, s in seconds.items()))
