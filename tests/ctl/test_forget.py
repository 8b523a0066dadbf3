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
    # who ordered it is kept, of whom is not
    audit, = world.rows("select who, target, details from chronos.audit where action = 'creator.forget' and details ->> 'order_id' = %s",
                        str(order["id"]))
    assert audit["who"].startswith("shell:") and (audit["target"], audit["details"]) == (None, {"order_id": str(order["id"])})
    assert world.rows("select 1 from chronos.audit a where a::text like '%%' || %s || '%%'", creator) == []


def test_an_order_without_waiting(world, ctl):
    creator = world.make_creator()
    done = ctl("forget", creator, "--yes")
    assert done.code == 0 and "order" in done.out and f"chronosctl forget {creator} --yes --wait" in done.out


def test_what_is_no_creator_is_refused(ctl):
    done = ctl("forget", "two\nlines", "--yes")
    assert done.code == 3 and done.err == "chronosctl forget: owner must be one line\n"
