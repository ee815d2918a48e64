#ifndef TIDEMARK_BENCHMARK_FRAMED_H
#define TIDEMARK_BENCHMARK_FRAMED_H

#include "common.h"

/* The framed encoding as a publisher writes it: numbering, header, and frames to send. */

enum { HEADER_BYTES = 64, TOPIC_BYTES = 200, MOST_FRAMES = 4 };
enum { METRICS = 1, FEATURES = 2, BASELINE = 5, HEAD = 7, BYE = 8 };
enum { NO_DESCRIPTOR = 0, JSON_DESCRIPTOR = 1 };
enum { FIRST_OF_EPOCH = 4 };

#define METRICS_DESCRIPTOR                                  \
  "{\"metrics\":[\"accuracy\",\"latency_ms\"],\"tensors\":" \
  "[{\"name\":\"values\",\"datatype\":\"FP64\",\"shape\":[2]}]}"

/* Who numbers messages: every message asked for takes a number, also one that is dropped. */
typedef struct {
  char name[64];
  uint64_t epoch, last, dropped;
} source;

/* One topic of a source, and the number of its last message. */
typedef struct {
  char name[TOPIC_BYTES + 1];
  size_t size;
  uint64_t previous;
  source *from;
} topic;

/* One frame: bytes that outlive the program's socket need no copy. */
typedef struct {
  const void *bytes;
  size_t size;
  int lasts;
} frame;

static inline source make_source(const char *name, uint64_t index, int is_only) {
  source made = {.epoch = (uint64_t)unix_ns() + index};
  if (is_only)
    snprintf(made.name, sizeof made.name, "%.40s", name);
  else
    snprintf(made.name, sizeof made.name, "%.40s-%llu", name, (unsigned long long)index);
  return made;
}

static inline topic make_topic(const char *kind, const char *model, source *from) {
  topic made = {.from = from};
  made.size = (size_t)snprintf(made.name, sizeof made.name, "%s/%s/-/%s", kind, model, from->name);
  return made;
}

static inline void put_big_endian(uint8_t *at, uint64_t value, int bytes) {
  value = __builtin_bswap64(value << (64 - 8 * bytes));
  memcpy(at, &value, (size_t)bytes);
}

static inline uint64_t big_endian(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return __builtin_bswap64(value);
}

/* `>4sBBBBIIQQQqqQ`: what stays the same from message to message. */
static inline void begin_header(uint8_t *header, int kind, int frames, uint64_t epoch) {
  memset(header, 0, HEADER_BYTES);
  memcpy(header, "TIDE", 4);
  header[4] = 1;
  header[6] = (uint8_t)kind;
  header[7] = JSON_DESCRIPTOR;
  put_big_endian(header + 12, (uint64_t)frames, 4);
  put_big_endian(header + 16, epoch, 8);
}

/* And what does not. */
static inline void number_header(uint8_t *header, uint64_t sequence, uint64_t previous, int64_t time) {
  header[11] = sequence == 1 && header[6] < HEAD ? FIRST_OF_EPOCH : 0;
  put_big_endian(header + 24, sequence, 8);
  put_big_endian(header + 32, previous, 8);
  put_big_endian(header + 40, (uint64_t)time, 8);
  put_big_endian(header + 48, (uint64_t)time, 8);
}

/* Takes the next number of a topic's source and writes it into the header. */
static inline void take_number(topic *of, uint8_t *header, int64_t time) {
  number_header(header, ++of->from->last, of->previous, time);
  of->previous = of->from->last;
}

#endif
