/* Another host asks what became of a guest that it sent, see migrate/query.h. */
#ifndef RESTORE_QUERY_H
#define RESTORE_QUERY_H

#include "stream/message.h"

/* Puts right what dead processes have left, if it is about that, and tells. */
int answer_query(struct line *line, const struct message *query);

#endif
