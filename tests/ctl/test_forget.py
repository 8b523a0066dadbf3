def test_a_creator_is_forgotten(world, ctl):
    creator = world.make_creator()
    world.run("test/three", {"creatorId": creator})
    done = ctl("forget", creator)
    assert done.code == 2 and "nothing was done" in done.err and "--yes" in done.err
    assert world.rows("select 1 from chronos.runs where creator_id = %s", creator)
    order = ctl.json("forget", creator, "--yes", "--wait")
    assert order["done_at"] and order["deleted"]
    assert world.rows("select 1 from chronos.runs where creator_id = %s", creator) == []
    assert world.rows("select 1 from public.creators where id = %s", creator) == []


def test_an_order_without_waiting(world, ctl):
    done = ctl("forget", world.make_creator(), "--yes")
    assert done.code == 0 and "order" in done.out


def test_what_is_no_creator_is_refused(ctl):
    done = ctl("forget", "two\nlines", "--yes")
    assert done.code == 3 and "owner must be one line" in done.err
