/* test_calendar.c: dates as day numbers. */
#include "unit.h"

#include "calendar.h"
#include "compiler.h"

static void test_known_dates(void **state)
{
    (void)state;
    static const struct {
        int64_t year;
        int month, day;
        int64_t days;
        int weekday;
    } known[] = {
        {1970, 1, 1, 0, 4},         {1969, 12, 31, -1, 3},        {2000, 2, 29, 11016, 2},
        {2000, 3, 1, 11017, 3},     {2026, 3, 29, 20541, 0},      {2038, 1, 19, 24855, 2},
        {2100, 2, 28, 47540, 0},    {2100, 3, 1, 47541, 1},       {1900, 3, 1, -25508, 4},
        {1600, 2, 29, -135081, 2},  {0, 1, 1, -719528, 6},        {-1, 12, 31, -719529, 5},
        {9999, 12, 31, 2932896, 5}, {-4713, 11, 24, -2440588, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        assert_int_equal(date_to_days(known[i].year, known[i].month, known[i].day), known[i].days);
        assert_int_equal(weekday_of(known[i].days), known[i].weekday);
    }
}

/* Every day of a thousand years on either side of 1970 is the one after the day before. */
static void test_days_follow_each_other(void **state)
{
    (void)state;
    struct date last = date_from_days(-365250);
    for (int64_t days = -365249; days < 365250; days++) {
        struct date d = date_from_days(days);
        assert_int_equal(date_to_days(d.year, d.month, d.day), days);
        bool ends_month = last.day == month_days(last.year, last.month);
        bool ends_year = ends_month && last.month == 12;
        assert_int_equal(d.day, ends_month ? 1 : last.day + 1);
        assert_int_equal(d.month, ends_year ? 1 : last.month + ends_month);
        assert_int_equal(d.year, last.year + ends_year);
        last = d;
    }
}

static void test_centuries_are_leap_years_when_400_divides_them(void **state)
{
    (void)state;
    assert_true(year_is_leap(2000) && year_is_leap(2028) && year_is_leap(0) && year_is_leap(-400));
    assert_false(year_is_leap(1900) || year_is_leap(2100) || year_is_leap(2026) ||
                 year_is_leap(-1));
    assert_int_equal(month_days(2024, 2), 29);
    assert_int_equal(month_days(2100, 2), 28);
}

static void test_division_rounds_down(void **state)
{
    (void)state;
    assert_int_equal(floor_div(7, 2), 3);
    assert_int_equal(floor_div(-7, 2), -4);
    assert_int_equal(floor_div(-8, 2), -4);
    assert_int_equal(floor_div(0, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_dates),
        cmocka_unit_test(test_days_follow_each_other),
        cmocka_unit_test(test_centuries_are_leap_years_when_400_divides_them),
        cmocka_unit_test(test_division_rounds_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
