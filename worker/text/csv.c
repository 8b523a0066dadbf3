#include "csv.h"

#include <string.h>

/* Full-width forms of = + - @ are formulas to spreadsheets in East Asian settings. */
static bool is_formula(const char *value)
{
    static const char *const wide[] = {"\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D",
                                       "\xEF\xBC\xA0"};
    if (*value == '\t' || *value == '\r' || *value == '\n')
        return true;
    value += strspn(value, " \t\r\n");
    if (*value != '\0' && strchr("=+-@", *value) != NULL)
        return true;
    for (size_t i = 0; i < sizeof(wide) / sizeof(*wide); i++)
        if (strncmp(value, wide[i], 3) == 0)
            return true;
    return false;
}

bool csv_add(struct buf *b, const char *value, bool always_quote)
{
    if (value == NULL)
        value = "";
    bool formula = is_formula(value);
    bool quoted = always_quote || value[strcspn(value, ",\"\r\n")] != '\0';
    if ((quoted && !buf_addc(b, '"')) || (formula && !buf_addc(b, '\'')))
        return false;
    for (const char *p = value; *p != '\0';) {
        size_t n = strcspn(p, "\"");
        if (!buf_add(b, p, n))
            return false;
        p += n;
        if (*p == '"') {
            if (!buf_adds(b, "\"\""))
                return false;
            p++;
        }
    }
    return !quoted || buf_addc(b, '"');
}

bool csv_next(struct buf *b)
{
    return buf_addc(b, ',');
}

bool csv_end_row(struct buf *b)
{
    return buf_adds(b, "\r\n");
}
