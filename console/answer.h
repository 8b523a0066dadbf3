/* answer.h: what holds for every request before and after its handler. */
#pragma once

#include "request.h"

/* Queues the answer with the headers that all answers have. */
enum MHD_Result answer_send(struct request *r);

/* One line when it is over. */
void answer_log(const struct request *r);
