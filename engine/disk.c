#include "disk.h"

#include <sys/statvfs.h>

static const uint64_t spare = 32 << 20;

bool disk_has_room(int fd, uint64_t bytes, struct err *e)
{
    struct statvfs s;
    if (fstatvfs(fd, &s) != 0)
        return true;
    uint64_t left = (uint64_t)s.f_bavail * s.f_frsize;
    if (left >= spare && left - spare >= bytes)
        return true;
    return err_set(e, ERR_UNAVAILABLE, "no room on the disk: %llu MB are needed, %llu MB are free",
                   (unsigned long long)((bytes + spare) >> 20), (unsigned long long)(left >> 20));
}
