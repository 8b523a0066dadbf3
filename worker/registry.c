#include "registry.h"

#include "compiler.h"

#ifndef FUNCTIONS_INC
#define FUNCTIONS_INC "functions.inc"
#endif

#define FUNCTION(symbol) extern const struct function symbol;
#include FUNCTIONS_INC
#undef FUNCTION

#define FUNCTION(symbol) &symbol,
static const struct function *const table[] = {
#include FUNCTIONS_INC
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
