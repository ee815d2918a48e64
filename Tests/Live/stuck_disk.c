/* A disk that stops answering: while the FIFO named by STUCK_DISK is there, a sync waits until somebody writes to it.
 * Preloaded into the daemon by test_service.py. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int synced(long call, int descriptor) {
  const char *fifo = getenv("STUCK_DISK");
  if (fifo && access(fifo, F_OK) == 0) {
    int end = open(fifo, O_RDONLY);
    if (end >= 0) close(end);
  }
  return (int)syscall(call, descriptor);
}

int fdatasync(int descriptor) { return synced(SYS_fdatasync, descriptor); }
int fsync(int descriptor) { return synced(SYS_fsync, descriptor); }
