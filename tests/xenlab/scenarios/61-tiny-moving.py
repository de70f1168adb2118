"""The tiny guest's moving shelf: ten rounds each, while it works; to xl and from xl."""
import tiny

FLAVOUR = "noshadow"


def run(stage):
    # xl maps the p2m before it asks the guest to suspend, and never looks again: what moves meanwhile it saves wrongly.
    stays = [name for name in tiny.shelf("moving") if name != "move-p2m"]
    seconds = tiny.play(stage, 10, "", stays) | tiny.play(stage, 10, "noxlsave", ["move-p2m"])
    stage.figure(f"{len(seconds)} scenarios of 10 rounds, xl both ways: " +
                 ", ".join(f"{scenario} {s} s" for scenario, s in seconds.items()))
