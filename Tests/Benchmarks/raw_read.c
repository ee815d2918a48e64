/* The floor below libzmq: reads the same bytes off a plain stream socket and counts frames.

   usage: raw_read ENDPOINT UNTIL

   Listens on an ipc or tcp endpoint, speaks just enough ZMTP 3.0 to be taken for a SUB that subscribes to
   everything, and reads one connection into a buffer of 64 KiB. No thread but its own, no queue, no
   message: a frame is found, its size is added up, and it is forgotten. Ends with the first message whose
   topic begins with UNTIL, or after 120 s; prints the same lines as receive_loop. */

#include <signal.h>
#include <stdbool.h>

#include "zmtp.h"

enum { BUFFER_BYTES = 64 << 10 };

typedef struct {
  int stream;
  size_t start, end;
  uint8_t buffer[BUFFER_BYTES];
} reader;

/* At least `size` bytes, in one piece; false at the end of the stream. */
static bool fill(reader *from, size_t size) {
  if (from->end - from->start >= size) return true;
  memmove(from->buffer, from->buffer + from->start, from->end - from->start);
  from->end -= from->start;
  from->start = 0;
  while (from->end < size) {
    const ssize_t got = recv(from->stream, from->buffer + from->end, sizeof from->buffer - from->end, 0);
    if (got < 0 && errno == EINTR) continue;
    require_system(got >= 0, "recv");
    if (got == 0) return false;
    from->end += (size_t)got;
  }
  return true;
}

static void skip(reader *from, uint64_t size) {
  while (size > 0) {
    if (from->start == from->end && !fill(from, 1)) fail("the stream ended inside a frame");
    const uint64_t here = from->end - from->start < size ? from->end - from->start : size;
    from->start += here;
    size -= here;
  }
}

static int listen_and_accept(const char *endpoint) {
  struct sockaddr_storage address;
  socklen_t size = parse_endpoint(endpoint, &address);
  const int listener = open_stream(&address);
  require_system(bind(listener, (struct sockaddr *)&address, size) == 0, "bind");
  require_system(listen(listener, 1) == 0, "listen");
  if (address.ss_family == AF_INET) {
    size = sizeof address;
    require_system(getsockname(listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
    const struct sockaddr_in *internet = (const struct sockaddr_in *)&address;
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &internet->sin_addr, host, sizeof host);
    printf("{\"ready\": \"tcp://%s:%u\"}\n", host, ntohs(internet->sin_port));
  } else {
    printf("{\"ready\": \"%s\"}\n", endpoint);
  }
  fflush(stdout);
  const int stream = accept(listener, NULL, NULL);
  require_system(stream >= 0, "accept");
  close(listener);
  return stream;
}

int main(int count, char **arguments) {
  if (count != 3) fail("usage: raw_read ENDPOINT UNTIL");
  const char *until = arguments[2];
  const size_t until_size = strlen(until);
  alarm(PATIENCE_S);
  static reader from;
  from.stream = listen_and_accept(arguments[1]);
  shake_hands(from.stream, "SUB");
  const uint8_t subscription[] = {0, 1, 1};
  write_all(from.stream, subscription, sizeof subscription);

  const uint64_t processor_start = processor_us();
  uint64_t messages = 0, frames = 0, bytes = 0, first_ns = 0;
  bool is_first_frame = true, is_last = false, has_ended = false;
  while (!has_ended && fill(&from, 2)) {
    const uint8_t flags = from.buffer[from.start];
    const size_t head = flags & LONG ? 9 : 2;
    if (!fill(&from, head)) break;
    const uint8_t *at = from.buffer + from.start + 1;
    const uint64_t size = flags & LONG ? big_endian(at) : *at;
    from.start += head;
    if (flags & COMMAND) {
      skip(&from, size);
      continue;
    }
    if (is_first_frame) {
      if (messages++ == 0) first_ns = monotonic_ns();
      if (size >= until_size && fill(&from, until_size))
        is_last = memcmp(from.buffer + from.start, until, until_size) == 0;
    }
    frames++;
    bytes += size;
    skip(&from, size);
    is_first_frame = !(flags & MORE);
    has_ended = is_last && is_first_frame;
  }
  const uint64_t last_ns = monotonic_ns();
  const double seconds = messages > 0 ? (double)(last_ns - first_ns) * 1e-9 : 0;
  printf("{\"messages\": %llu, \"frames\": %llu, \"bytes\": %llu, \"first_ns\": %llu, \"last_ns\": %llu, "
         "\"seconds\": %.6f, \"messages_per_second\": %.0f, \"processor_seconds\": %.6f, \"ended\": %s}\n",
         (unsigned long long)messages, (unsigned long long)frames, (unsigned long long)bytes,
         (unsigned long long)first_ns, (unsigned long long)last_ns, seconds,
         seconds > 0 ? (double)messages / seconds : 0, (double)(processor_us() - processor_start) * 1e-6,
         has_ended ? "true" : "false");
  fflush(stdout);
  /* The load closes first. */
  uint8_t rest[4096];
  while (recv(from.stream, rest, sizeof rest, 0) > 0) continue;
  close(from.stream);
  return 0;
}
