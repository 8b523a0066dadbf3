#include "registry.h"

#include "compiler.h"

#define FUNCTION(symbol) extern const struct function symbol;
#include "functions.inc"
#undef FUNCTION

#define FUNCTION(symbol) &symbol,
static const struct function *const table[] = {
#include "functions.inc"
};
#undef FUNCTION

size_t registry_count(void)
{
    return ARRAY_LEN(table);
}

const struct function *registry_at(size_t i)
{
    return table[i];
}
