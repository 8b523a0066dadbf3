#include "provider.h"

void transcript_release(struct transcript *t)
{
    captions_release(&t->captions);
    free(t->text);
    free(t->title);
    *t = (struct transcript){0};
}
