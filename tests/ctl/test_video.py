import pytest


@pytest.fixture
def video(world):
    """One whose transcript failed."""
    creator = world.make_creator()
    return world.value("insert into public.videos (creator_id, title, source_type, youtube_video_id, status, error_message)"
                       " values (%s, %s, 'youtube', 'WoolDyeing1', 'failed', 'no captions') returning id",
                       creator, "wool \x1b[31m"), creator


def test_a_video_with_the_runs_about_it(world, ctl, video):
    vid, creator = video
    for key in ("videoId", "video_id"):
        world.run("test/three", {key: str(vid), "creatorId": str(creator)})
    world.run("test/three", {"videoId": "another", "creatorId": str(creator)})
    one = ctl.json("video", str(vid))
    assert (one["id"], one["status"], one["error_message"], one["source"], one["chunks"]) == \
        (str(vid), "failed", "no captions", "WoolDyeing1", 0)
    assert len(one["runs"]) == 2 and {r["function_id"] for r in one["runs"]} == {"test-three"}
    done = ctl("video", str(vid), "--runs", "1")
    assert done.code == 0 and "\x1b" not in done.out and done.out.count("test-three") == 1


def test_one_that_there_is_not(ctl):
    done = ctl("video", "00000000-0000-0000-0000-000000000000")
    assert done.code == 3 and "there is no video" in done.err
    done = ctl("video", "nonsense")
    assert done.code == 2 and "must be the id of a video" in done.err
