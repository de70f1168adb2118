"""Two hosts with log-dirty, without pvferry: xl migrate moves a busy guest there and back; how long, how silent."""
import migrations

FLAVOUR, HOSTS, PRODUCT = "shadow", 2, False


def run(stage):
    guest = stage.guest(**migrations.MEASURED)
    migrations.in_turn(stage, guest, {"xl": ("xl", "")}, 2)
