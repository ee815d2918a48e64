#ifndef TIDEMARK_BENCHMARK_ZMTP_H
#define TIDEMARK_BENCHMARK_ZMTP_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "framed.h"

/* Just enough ZMTP 3.0 (rfc.zeromq.org/spec/23) on a plain stream socket to shake hands with libzmq
   and to read and write frames: no security, no heartbeats, one subscription. */

enum { MORE = 1, LONG = 2, COMMAND = 4, GREETING_BYTES = 64, MOST_SHORT_BYTES = 255 };

/* An address of a loopback endpoint; its size. */
static inline socklen_t parse_endpoint(const char *endpoint, struct sockaddr_storage *address) {
  memset(address, 0, sizeof *address);
  if (strncmp(endpoint, "ipc://", 6) == 0) {
    struct sockaddr_un *local = (struct sockaddr_un *)address;
    local->sun_family = AF_UNIX;
    if (strlen(endpoint + 6) >= sizeof local->sun_path) fail("%s is too long", endpoint);
    memcpy(local->sun_path, endpoint + 6, strlen(endpoint + 6));
    return sizeof *local;
  }
  char host[64];
  unsigned port;
  struct sockaddr_in *internet = (struct sockaddr_in *)address;
  internet->sin_family = AF_INET;
  if (sscanf(endpoint, "tcp://%63[0-9.]:%u", host, &port) != 2 || port > 65535 ||
      inet_pton(AF_INET, host, &internet->sin_addr) != 1)
    fail("'%s' is no endpoint, want ipc://PATH or tcp://ADDRESS:PORT", endpoint);
  internet->sin_port = htons((uint16_t)port);
  return sizeof *internet;
}

static inline void require_system(int is_true, const char *what) {
  if (!is_true) fail("%s: %s", what, strerror(errno));
}

static inline int open_stream(const struct sockaddr_storage *address) {
  const int stream = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require_system(stream >= 0, "socket");
  return stream;
}

/* libzmq does the same to its own connections. */
static inline void send_without_delay(int stream) {
  const int yes = 1;
  (void)setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static inline void write_all(int stream, const void *bytes, size_t size) {
  for (const char *at = bytes; size > 0;) {
    const ssize_t written = send(stream, at, size, MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    require_system(written > 0, "send");
    at += written;
    size -= (size_t)written;
  }
}

static inline void read_all(int stream, void *bytes, size_t size) {
  for (char *at = bytes; size > 0;) {
    const ssize_t got = recv(stream, at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    require_system(got > 0, "recv during the handshake");
    at += got;
    size -= (size_t)got;
  }
}

/* One short frame, as the handshake has them; its flags. */
static inline int read_short_frame(int stream, uint8_t *body, size_t *size) {
  uint8_t head[2];
  read_all(stream, head, sizeof head);
  if (head[0] & LONG) fail("a long frame during the handshake");
  *size = head[1];
  read_all(stream, body, *size);
  return head[0];
}

/* Greeting and READY of both sides. */
static inline void shake_hands(int stream, const char *socket_type) {
  uint8_t greeting[GREETING_BYTES] = {0xff, [9] = 0x7f, [10] = 3, [12] = 'N', 'U', 'L', 'L'};
  write_all(stream, greeting, sizeof greeting);
  read_all(stream, greeting, sizeof greeting);
  if (greeting[0] != 0xff || greeting[9] != 0x7f || greeting[10] < 3) fail("the peer does not speak ZMTP 3");

  uint8_t ready[2 + 6 + 12 + 4 + 16] = {COMMAND, 0, 5, 'R', 'E', 'A', 'D', 'Y', 11};
  const size_t type_size = strlen(socket_type);
  memcpy(ready + 9, "Socket-Type", 11);
  put_big_endian(ready + 20, type_size, 4);
  memcpy(ready + 24, socket_type, type_size);
  ready[1] = (uint8_t)(22 + type_size);
  write_all(stream, ready, 24 + type_size);
  uint8_t body[MOST_SHORT_BYTES];
  size_t size;
  const int flags = read_short_frame(stream, body, &size);
  if (!(flags & COMMAND) || size < 6 || memcmp(body, "\5READY", 6) != 0) fail("the peer is not ready");
}

/* The bytes before a frame's body: flags and size; how many. */
static inline size_t frame_head(uint8_t *at, size_t size, int has_more) {
  at[0] = has_more ? MORE : 0;
  if (size <= MOST_SHORT_BYTES) {
    at[1] = (uint8_t)size;
    return 2;
  }
  at[0] |= LONG;
  put_big_endian(at + 1, size, 8);
  return 9;
}

#endif
