#ifndef TIDEMARK_BENCHMARK_COMMON_H
#define TIDEMARK_BENCHMARK_COMMON_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <zmq.h>

/* What the two programs share: ending with words, clocks, numbers from the command line. */

__attribute__((noreturn, format(printf, 1, 2)))
static inline void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

/* Ends when a call of libzmq failed. */
static inline void require(int is_true, const char *what) {
  if (!is_true) fail("%s: %s", what, zmq_strerror(zmq_errno()));
}

/* The clock that Python's time.monotonic_ns reads too, so that both sides can be compared. */
static inline uint64_t monotonic_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Processor time of all threads of this process, in microseconds. */
static inline uint64_t processor_us(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
         (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static inline uint64_t parse_count(const char *name, const char *text, uint64_t least, uint64_t most) {
  char *end;
  unsigned long long value = strtoull(text, &end, 10);
  if (*text == '\0' || *text == '-' || *end != '\0' || value < least || value > most)
    fail("%s '%s', want %llu to %llu", name, text, (unsigned long long)least, (unsigned long long)most);
  return value;
}

static inline void set_option(void *socket, int option, int value) {
  require(zmq_setsockopt(socket, option, &value, sizeof value) == 0, "zmq_setsockopt");
}

#endif
