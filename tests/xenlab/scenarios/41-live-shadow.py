"""A live migration on the hypervisor with log-dirty, beside xl's: pvferry by Xen's log, by content, through a pipe."""
import migrations

FLAVOUR, HOSTS = "shadow", 2
ROUNDS = 2
WAYS = {"xl": ("xl", ""), "log": ("pvferry", "--dirty-tracking log"), "content": ("pvferry", "--dirty-tracking content")}


def run(stage):
    guest = stage.guest(**migrations.MEASURED)
    seen = migrations.in_turn(stage, guest, WAYS, ROUNDS)
    stage.told["xl"] = seen.pop("xl")
    for name, ours in seen.items():
        migrations.compare(stage, name, ours, stage.told["xl"])
    migrations.in_turn(stage, guest, {"through socat": ("pvferry-ssh", "")}, 1)
