#ifndef TIDEMARK_BENCHMARK_SINK_H
#define TIDEMARK_BENCHMARK_SINK_H

#include "zmtp.h"

/* Where a load's messages go: through libzmq, or as ZMTP bytes into a plain stream socket. The latter
   costs a fraction, so that the load is not what is measured. */

enum { SINK_BUFFER_BYTES = 64 << 10, DIRECT_BYTES = 16 << 10 };

typedef struct {
  void *context, *socket; /* libzmq's; NULL where the stream is used */
  int stream;
  size_t filled;
  uint64_t bytes;
  uint8_t buffer[SINK_BUFFER_BYTES];
} sink;

/* Ready when the receiver has subscribed. */
static inline sink *open_sink(const char *endpoint, int is_raw, int high_water_mark) {
  sink *made = allocate(1, sizeof *made);
  made->stream = -1;
  if (!is_raw) {
    made->context = zmq_ctx_new();
    require(made->context != NULL, "zmq_ctx_new");
    made->socket = connect_publisher(made->context, endpoint, high_water_mark);
    return made;
  }
  struct sockaddr_storage address;
  const socklen_t size = parse_endpoint(endpoint, &address);
  made->stream = open_stream(&address);
  require_system(connect(made->stream, (struct sockaddr *)&address, size) == 0, "connect");
  if (address.ss_family == AF_INET) send_without_delay(made->stream);
  shake_hands(made->stream, "PUB");
  uint8_t subscription[MOST_SHORT_BYTES];
  size_t subscribed = 0;
  read_short_frame(made->stream, subscription, &subscribed);
  if (subscribed < 1 || subscription[0] != 1) fail("the first message is no subscription");
  return made;
}

static inline void flush(sink *to) {
  if (to->stream >= 0) write_all(to->stream, to->buffer, to->filled);
  to->filled = 0;
}

static inline void put_bytes(sink *to, const void *bytes, size_t size) {
  if (to->filled + size > sizeof to->buffer) flush(to);
  if (size > DIRECT_BYTES) {
    flush(to);
    write_all(to->stream, bytes, size);
    return;
  }
  memcpy(to->buffer + to->filled, bytes, size);
  to->filled += size;
}

static inline void keep(void *bytes, void *hint) {
  (void)bytes;
  (void)hint;
}

/* libzmq's socket takes a frame, or is full (only before a message's first frame, only without waiting). */
static inline int send_frame(void *socket, const frame *part, int flags) {
  int status;
  do {
    if (!part->lasts) {
      status = zmq_send(socket, part->bytes, part->size, flags);
    } else {
      zmq_msg_t message;
      require(zmq_msg_init_data(&message, (void *)part->bytes, part->size, keep, NULL) == 0, "zmq_msg_init_data");
      status = zmq_msg_send(&message, socket, flags);
      if (status < 0) {
        const int error = zmq_errno();
        zmq_msg_close(&message);
        errno = error;
      }
    }
  } while (status < 0 && zmq_errno() == EINTR);
  require(status >= 0 || zmq_errno() == EAGAIN, "zmq_send");
  return status >= 0;
}

/* Whether the message was taken; always, unless libzmq's socket is full and `may_refuse`. */
static inline int send_message(sink *to, const frame *frames, int count, int may_refuse) {
  for (int i = 0; i < count; i++) {
    const int has_more = i + 1 < count;
    if (to->stream < 0) {
      const int flags = (has_more ? ZMQ_SNDMORE : 0) | (may_refuse ? ZMQ_DONTWAIT : 0);
      if (!send_frame(to->socket, frames + i, flags)) {
        if (i > 0) fail("libzmq broke a message off");
        return 0;
      }
    } else {
      uint8_t head[9];
      put_bytes(to, head, frame_head(head, frames[i].size, has_more));
      put_bytes(to, frames[i].bytes, frames[i].size);
    }
  }
  for (int i = 0; i < count; i++) to->bytes += frames[i].size;
  return 1;
}

/* Returns when everything has gone out. */
static inline void close_sink(sink *from) {
  flush(from);
  if (from->stream >= 0) {
    /* Closed only when the receiver has read to the end and closes too: libzmq forgets what it has not read
       yet when a connection goes away while its queue is full. */
    uint8_t rest[256];
    (void)shutdown(from->stream, SHUT_WR);
    while (recv(from->stream, rest, sizeof rest, 0) > 0) continue;
    close(from->stream);
  }
  if (from->socket != NULL) {
    zmq_close(from->socket);
    zmq_ctx_term(from->context);
  }
  free(from);
}

#endif
