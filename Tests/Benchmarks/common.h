#ifndef TIDEMARK_BENCHMARK_COMMON_H
#define TIDEMARK_BENCHMARK_COMMON_H

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <zmq.h>

/* What the programs share: ending with words, clocks, numbers from the command line, being told to stop,
   text, drawing, connecting. */

/* Programs end by themselves after this, whatever happens. */
enum { PATIENCE_S = 120 };

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

/* Unix time, as events bear it. */
static inline int64_t unix_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Waits, for the sake of a pace. */
static inline void pause_ns(uint64_t nanoseconds) {
  const struct timespec time = {(time_t)(nanoseconds / 1000000000u), (long)(nanoseconds % 1000000000u)};
  nanosleep(&time, NULL);
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

static inline void *allocate(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (memory == NULL) fail("out of memory");
  return memory;
}

/* MARK: Being told to stop */

static volatile sig_atomic_t stops = 0;

static inline void count_stop(int number) {
  (void)number;
  stops = stops + 1;
}

static inline void count_stops(void) {
  struct sigaction action = {.sa_handler = count_stop, .sa_flags = SA_RESTART};
  sigaction(SIGTERM, &action, NULL);
}

/* Until there is a SIGTERM more than `before`. A load that has sent everything keeps its connection until
   the receiver has handled everything: libzmq forgets what it has not yet read off an ipc connection when
   that goes away while the receiver's queue is full. */
static inline void hold(sig_atomic_t before) {
  while (stops == before) pause_ns(1000000);
}

/* MARK: Text that grows */

typedef struct {
  char *bytes;
  size_t size, capacity;
} text;

__attribute__((format(printf, 2, 3)))
static inline void append(text *to, const char *format, ...) {
  for (;;) {
    va_list arguments;
    va_start(arguments, format);
    const size_t room = to->capacity - to->size;
    const int size = vsnprintf(to->bytes + to->size, room, format, arguments);
    va_end(arguments);
    if (size < 0) fail("vsnprintf failed");
    if ((size_t)size < room) {
      to->size += (size_t)size;
      return;
    }
    to->capacity = 2 * (to->capacity + (size_t)size + 1);
    to->bytes = realloc(to->bytes, to->capacity);
    if (to->bytes == NULL) fail("out of memory");
  }
}

/* MARK: Drawing numbers, the same in every run */

/* SplitMix64 (Steele, Lea, Flood 2014), to [0, 1). */
static inline double uniform(void) {
  static uint64_t state = 42;
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Box and Muller. */
static inline double normal(void) {
  return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform());
}

static inline double clamp(double value, double least, double most) {
  return value < least ? least : value > most ? most : value;
}

/* A feature's value: column c has its own mean and deviation; `shift` is in deviations. */
static inline double feature(uint64_t column, double shift) {
  return (double)(column % 10) + (1 + (double)(column % 7)) * (normal() + shift);
}

/* MARK: Connecting */

/* An XPUB that never drops by itself: it waits when full, or refuses when told not to wait. */
static inline void *connect_publisher(void *context, const char *endpoint, int high_water_mark) {
  void *socket = zmq_socket(context, ZMQ_XPUB);
  require(socket != NULL, "zmq_socket");
  set_option(socket, ZMQ_XPUB_NODROP, 1);
  set_option(socket, ZMQ_SNDHWM, high_water_mark);
  set_option(socket, ZMQ_LINGER, PATIENCE_S * 1000);
  set_option(socket, ZMQ_RECONNECT_IVL, 10);
  set_option(socket, ZMQ_RCVTIMEO, 10000);
  require(zmq_connect(socket, endpoint) == 0, "zmq_connect");
  char subscription[256];
  const int size = zmq_recv(socket, subscription, sizeof subscription, 0);
  require(size >= 1, "waiting for a subscription");
  if (subscription[0] != 1) fail("the first message is no subscription");
  return socket;
}

/* Connects and waits until the connection stands: the subscription is the first thing it carries. */
static inline void connect_and_await_handshake(void *context, void *socket, const char *endpoint) {
  require(zmq_socket_monitor(socket, "inproc://monitor", ZMQ_EVENT_HANDSHAKE_SUCCEEDED) == 0, "monitor");
  void *monitor = zmq_socket(context, ZMQ_PAIR);
  require(monitor != NULL, "zmq_socket");
  set_option(monitor, ZMQ_LINGER, 0);
  set_option(monitor, ZMQ_RCVTIMEO, 10000);
  require(zmq_connect(monitor, "inproc://monitor") == 0, "zmq_connect");
  require(zmq_connect(socket, endpoint) == 0, "zmq_connect");
  char event[64];
  require(zmq_recv(monitor, event, sizeof event, 0) >= 0, "waiting for the handshake");
  zmq_socket_monitor(socket, NULL, 0);
  zmq_close(monitor);
}

#endif
