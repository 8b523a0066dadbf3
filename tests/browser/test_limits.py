"""What an operator sets for a creator, and the log of what everybody did: with the keyboard, and as one who may only look."""

import uuid

import pytest
from selenium.webdriver.common.keys import Keys

from axe import violations
from console.keys import new_key


@pytest.fixture
def creator():
    return f"creator-{uuid.uuid4().hex[:8]}"


def row(page, name, owner):
    return page.find(f'tr[data-limit="{name}"][data-owner="{owner}"]')


def set_for_one(page, name, owner, most):
    page.click(f'tr[data-limit="{name}"][data-owner=""] [id^=for-one]').find("dialog")
    page.fill("#limit-owner", owner).fill("#limit-most", most).press(Keys.ENTER)
    page.wait(lambda: not page.all("dialog"), "the dialog to be gone")


def test_a_limit_is_set_for_a_creator_and_taken_back(page, creator):
    page.open("/limits").title("Limits")
    set_for_one(page, "test-limited", creator, "7")
    page.wait(lambda: "set here, declared 2" in row(page, "test-limited", creator).text, "the creator's row")
    page.click(f"#change-test-limited-{creator}").find("dialog")
    assert page.focused().startswith("Most runs"), "the dialog begins at its field"
    page.press("many", Keys.ENTER).wait_text("A whole number from 0", "dialog")
    page.press(Keys.CONTROL + "a", Keys.DELETE, Keys.ENTER)
    page.wait(lambda: not page.all("dialog"), "the dialog to be gone")
    page.wait(lambda: not page.all(f'tr[data-owner="{creator}"]'), "the row to be gone: nothing is set, nothing is used")


def test_what_is_counted_for_each_is_changed_for_one_only(page):
    page.open("/limits").title("Limits")
    page.find('tr[data-limit="test-limited"] [id^=for-one]')
    assert not page.all('tr[data-limit="test-limited"][data-owner=""] [id^=change]')
    assert page.all('tr[data-limit="global"] [id^=change]') and not page.all('tr[data-limit="global"] [id^=for-one]')


def test_a_budget_and_a_weight(page, creator):
    page.open("/limits").title("Limits")
    set_for_one(page, "budget", creator, "12.5")
    page.wait(lambda: "$12.50" in row(page, "budget", creator).text, "the creator's budget")
    page.click("#weigh").find("dialog")
    page.fill("#limit-owner", creator).fill("#limit-weight", "2000").press(Keys.ENTER)
    page.wait_text("A number from 0.01", "dialog")
    page.fill("#limit-weight", "2.5").press(Keys.ENTER)
    page.wait(lambda: "2.5" in page.find(f'tr[data-weight="{creator}"]').text, "the creator's weight")
    page.click(f"#weigh-{creator}").find("dialog")
    assert violations(page) == []
    page.empty("#limit-weight")
    page.press(Keys.ENTER)
    page.wait(lambda: not page.all(f'tr[data-weight="{creator}"]'), "the weight to be 1 again")


def test_what_was_done_is_in_the_audit_log_and_found_by_its_target(page, creator):
    page.open("/limits").title("Limits")
    set_for_one(page, "budget", creator, "3")
    page.tab_to("Audit", exact=True, most=200).press(Keys.ENTER).title("Audit")
    page.fill("#audit-target", creator)
    page.wait(lambda: "target=" + creator in page.path(), "the filter in the address")
    page.wait(lambda: [r for r in page.all("[data-audit]") if "budget.set" in r.text and "anybody" in r.text] and len(page.all("[data-audit]")) == 1, "only that change")
    page.tab_to("Details").press(Keys.ENTER)
    page.wait_text('"usd": 3', "[data-audit]")
    assert violations(page) == []
    page.fill("#audit-who", "nobody").wait_text("Nothing fits these filters")


def test_more_of_the_audit_log(page, world):
    world.rows("insert into chronos.audit (who, from_address, action, target) select 'shell:many', '127.0.0.1', 'run.cancel', 'x' || n from generate_series(1, 150) n")
    page.open("/audit?who=shell:many").title("Audit")
    page.wait(lambda: len(page.all("[data-audit]")) == 100, "a page")
    page.click("#audit-more").wait(lambda: len(page.all("[data-audit]")) == 150, "all of them")
    assert not page.all("#audit-more")


def test_who_may_only_look_sees_no_button(page, console):
    key, hashed = new_key("read")
    page.expect_error("401")
    page.open("/limits", base=console(CHRONOS_READ_KEYS=hashed).url).fill("#key", key).click_text("Log in")
    page.find("tr[data-limit]")
    assert not page.all("main button")
    page.driver.get("about:blank")  # nobody asks a console that has ended
