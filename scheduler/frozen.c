#include "frozen.h"

#include "log.h"

void frozen_writers_end(struct db *db, const struct err *failure)
{
    struct err e;
    if (failure->code != ERR_POSTGRES)
        return;
    auto_result *ended = DB_QUERY(db, &e, "end_frozen_writers");
    if (ended == NULL)
        log_warn("cannot look for frozen schedulers", "error", e.msg, LOG_END);
    else if (PQntuples(ended) > 0)
        log_warn("ended the transaction of a scheduler that is frozen in the middle of a write",
                 LOG_END);
}
