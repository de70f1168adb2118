"""Two hosts with log-dirty: xl migrate with pvferry-save-helper at both ends, at either and at none; how long, how silent."""
import migrations

FLAVOUR, HOSTS = "shadow", 2
GUEST = dict(mib=256, check="mib=32 rate=1024 forks=1 tick=10")
WAYS = {way: (way, "") for way in ("xl", "helper", "helper-sends", "helper-receives")}


def run(stage):
    guest = stage.guest(**GUEST)
    seen = migrations.in_turn(stage, guest, WAYS, 2)
    migrations.compare(stage, "helper", seen["helper"], seen["xl"])
