#ifndef TIDEMARK_CZEROMQ_H
#define TIDEMARK_CZEROMQ_H

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <zmq.h>

#if defined(__linux__)
#include <sys/prctl.h>
#elif defined(__APPLE__)
#include <pthread.h>
#endif

/* libzmq sets errno for its own codes; Swift reads it through this, since the
   C macro is a function call on some platforms. */
static inline int tidemark_zmq_errno(void) { return zmq_errno(); }

/* Overwrites memory so that the compiler cannot leave it out. */
static inline void tidemark_wipe(void *bytes, size_t count) {
  volatile unsigned char *at = (volatile unsigned char *)bytes;
  while (count-- > 0) *at++ = 0;
}

/* What the ZAP handler called the sender; here so that no string is made for the
   property's name at each message. */
static inline const char *tidemark_user_id(const zmq_msg_t *message) {
  return zmq_msg_gets(message, "User-Id");
}

static inline size_t tidemark_length(const char *text) { return strlen(text); }

/* Names the calling thread. glibc declares pthread_setname_np for _GNU_SOURCE only,
   which a module cannot set for its importers. */
static inline void tidemark_name_thread(const char *name) {
#if defined(__linux__)
  prctl(PR_SET_NAME, name, 0, 0, 0);
#elif defined(__APPLE__)
  pthread_setname_np(name);
#endif
}

#endif
