"""Page tables nobody pinned for the save: pvferry refuses, says why, and the guest goes on."""
import tiny

FLAVOUR = "noshadow"


def run(stage):
    log = tiny.start(stage, "unpinned-tables", "mm_pin_all=off")
    stage.host.must("xl unpause unpinned-tables")
    tiny.await_line(stage, log, "^tiny boot")
    stage.refused("pvferry save unpinned-tables /tmp/image", "look like page tables", "no type")
    stage.no_leftovers("/tmp")
    tiny.await_line(stage, log, "success: round 1 cancelled")
