"""Names so long that nothing fits in front of them or behind them."""

from tests.support.world import World, letter


def test_longest_names_are_processed() -> None:
    """A name that leaves no room for the record's prefix or the result's suffix still gets one right result."""
    world = World()
    names = ["n" * length for length in (1_010, 1_014, 1_015, 1_024)]
    for number, name in enumerate(names):
        world.drop(name, letter(number))
    world.run()
    world.check_right(*names)
    accepted = len(world.service.counters.ledger)
    for name in names:
        world.announce(name)
    world.run()
    world.reconcile()
    world.run()
    world.check_right(*names)
    assert len(world.service.counters.ledger) == accepted
