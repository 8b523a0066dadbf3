#include "language.h"

#include <ctype.h>
#include <limits.h>
#include <strings.h>

#include "compiler.h"

/* The languages of the Whisper models. */
static const struct {
    const char *name;
    const char *code;
} languages[] = {
    {"english", "en"},        {"chinese", "zh"},     {"german", "de"},        {"spanish", "es"},
    {"russian", "ru"},        {"korean", "ko"},      {"french", "fr"},        {"japanese", "ja"},
    {"portuguese", "pt"},     {"turkish", "tr"},     {"polish", "pl"},        {"catalan", "ca"},
    {"dutch", "nl"},          {"arabic", "ar"},      {"swedish", "sv"},       {"italian", "it"},
    {"indonesian", "id"},     {"hindi", "hi"},       {"finnish", "fi"},       {"vietnamese", "vi"},
    {"hebrew", "he"},         {"ukrainian", "uk"},   {"greek", "el"},         {"malay", "ms"},
    {"czech", "cs"},          {"romanian", "ro"},    {"danish", "da"},        {"hungarian", "hu"},
    {"tamil", "ta"},          {"norwegian", "no"},   {"thai", "th"},          {"urdu", "ur"},
    {"croatian", "hr"},       {"bulgarian", "bg"},   {"lithuanian", "lt"},    {"latin", "la"},
    {"maori", "mi"},          {"malayalam", "ml"},   {"welsh", "cy"},         {"slovak", "sk"},
    {"telugu", "te"},         {"persian", "fa"},     {"latvian", "lv"},       {"bengali", "bn"},
    {"serbian", "sr"},        {"azerbaijani", "az"}, {"slovenian", "sl"},     {"kannada", "kn"},
    {"estonian", "et"},       {"macedonian", "mk"},  {"breton", "br"},        {"basque", "eu"},
    {"icelandic", "is"},      {"armenian", "hy"},    {"nepali", "ne"},        {"mongolian", "mn"},
    {"bosnian", "bs"},        {"kazakh", "kk"},      {"albanian", "sq"},      {"swahili", "sw"},
    {"galician", "gl"},       {"marathi", "mr"},     {"punjabi", "pa"},       {"sinhala", "si"},
    {"khmer", "km"},          {"shona", "sn"},       {"yoruba", "yo"},        {"somali", "so"},
    {"afrikaans", "af"},      {"occitan", "oc"},     {"georgian", "ka"},      {"belarusian", "be"},
    {"tajik", "tg"},          {"sindhi", "sd"},      {"gujarati", "gu"},      {"amharic", "am"},
    {"yiddish", "yi"},        {"lao", "lo"},         {"uzbek", "uz"},         {"faroese", "fo"},
    {"haitian creole", "ht"}, {"pashto", "ps"},      {"turkmen", "tk"},       {"nynorsk", "nn"},
    {"maltese", "mt"},        {"sanskrit", "sa"},    {"luxembourgish", "lb"}, {"myanmar", "my"},
    {"tibetan", "bo"},        {"tagalog", "tl"},     {"malagasy", "mg"},      {"assamese", "as"},
    {"tatar", "tt"},          {"hawaiian", "haw"},   {"lingala", "ln"},       {"hausa", "ha"},
    {"bashkir", "ba"},        {"javanese", "jw"},    {"sundanese", "su"},     {"cantonese", "yue"},
    {"burmese", "my"},        {"valencian", "ca"},   {"flemish", "nl"},       {"haitian", "ht"},
    {"mandarin", "zh"},       {"castilian", "es"},   {"moldavian", "ro"},     {"sinhalese", "si"},
    {"pushto", "ps"},         {"panjabi", "pa"},     {"letzeburgesch", "lb"},
};

static bool is_code(const char *s)
{
    size_t n = 0;
    while (isalpha((unsigned char)s[n]))
        n++;
    if (n < 2 || n > 3)
        return false;
    for (const char *p = s + n; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && *p != '-')
            return false;
    return true;
}

bool language_code(const char *name, char *out, size_t out_size)
{
    if (name == NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(languages); i++)
        if (strcasecmp(name, languages[i].name) == 0) {
            (void)snprintf(out, out_size, "%s", languages[i].code);
            return true;
        }
    if (!is_code(name) || strlen(name) >= out_size)
        return false;
    (void)snprintf(out, out_size, "%s", name);
    return true;
}

/* Codes that were renamed decades ago and are still sent. */
static const char *modern(const char *primary)
{
    if (strcmp(primary, "iw") == 0)
        return "he";
    if (strcmp(primary, "in") == 0)
        return "id";
    if (strcmp(primary, "ji") == 0)
        return "yi";
    return primary;
}

bool language_primary(const char *code, char *out, size_t out_size)
{
    char primary[4];
    size_t n = 0;
    if (code == NULL)
        return false;
    for (; isalpha((unsigned char)code[n]); n++) {
        if (n == 3)
            return false;
        primary[n] = (char)tolower((unsigned char)code[n]);
    }
    primary[n] = '\0';
    if (n < 2 || (code[n] != '\0' && code[n] != '-' && code[n] != '_'))
        return false;
    (void)snprintf(out, out_size, "%s", modern(primary));
    return true;
}

static bool same_primary(const char *a, const char *b)
{
    char pa[4], pb[4];
    return language_primary(a, pa, sizeof(pa)) && language_primary(b, pb, sizeof(pb)) &&
           strcmp(pa, pb) == 0;
}

static bool same_code(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        int ca = *a == '_' ? '-' : tolower((unsigned char)*a);
        int cb = *b == '_' ? '-' : tolower((unsigned char)*b);
        if (ca != cb)
            return false;
    }
    return *a == *b;
}

enum { PREFERENCES = 2, PER_PREFERENCE = 4 };

/* Lower is better. */
static int rank(const struct track *t, const char *const *preferences)
{
    enum { AFTER = PREFERENCES * PER_PREFERENCE };
    if (t->forced)
        return AFTER + 3;
    for (int i = 0; i < PREFERENCES; i++) {
        if (preferences[i] == NULL || !same_primary(t->language, preferences[i]))
            continue;
        bool exact = same_code(t->language, preferences[i]);
        return i * PER_PREFERENCE + (t->automatic ? 2 : 0) + (exact ? 0 : 1);
    }
    if (t->automatic)
        return AFTER + 2;
    return t->is_default ? AFTER : AFTER + 1;
}

size_t track_choose(const struct track *tracks, size_t n, const char *preferred)
{
    const char *const preferences[PREFERENCES] = {preferred, "en"};
    size_t best = n;
    int best_rank = INT_MAX, best_tie = INT_MAX;
    for (size_t i = 0; i < n; i++) {
        int r = rank(&tracks[i], preferences);
        if (r < best_rank || (r == best_rank && tracks[i].tie < best_tie)) {
            best = i;
            best_rank = r;
            best_tie = tracks[i].tie;
        }
    }
    return best;
}
