"""The tiny guest's still shelf: each scenario through ten rounds of save and restore, once to xl and once from xl."""
import tiny

FLAVOUR = "noshadow"


def run(stage):
    tiny.play_shelf(stage, "still", 10)
