/* The limit: libzmq's own receive loop. Takes messages on a SUB and throws them away.

   usage: receive_loop bind|connect ENDPOINT UNTIL [PREFIX]

   Subscribes to PREFIX (everything without one) and to UNTIL, counts, and ends with the first
   message whose topic begins with UNTIL, at SIGTERM, or after 120 s. Prints one line of JSON when
   it is ready (bound; or, connecting, when the handshake is done) and one at the end. */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "common.h"

enum { RECEIVE_HIGH_WATER_MARK = 1000, CONNECTED_HIGH_WATER_MARK = 10000 };

static volatile sig_atomic_t stopped = 0;

static void stop(int number) {
  (void)number;
  stopped = 1;
}

int main(int count, char **arguments) {
  if (count < 4 || count > 5) fail("usage: receive_loop bind|connect ENDPOINT UNTIL [PREFIX]");
  const bool binds = strcmp(arguments[1], "bind") == 0;
  const char *endpoint = arguments[2], *until = arguments[3], *prefix = count > 4 ? arguments[4] : "";
  const size_t until_size = strlen(until);

  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  alarm(PATIENCE_S);

  void *context = zmq_ctx_new();
  require(context != NULL, "zmq_ctx_new");
  void *socket = zmq_socket(context, ZMQ_SUB);
  require(socket != NULL, "zmq_socket");
  set_option(socket, ZMQ_LINGER, 0);
  /* Only so that a stop is seen; it costs nothing while messages come. */
  set_option(socket, ZMQ_RCVTIMEO, 100);
  set_option(socket, ZMQ_RCVHWM, binds ? RECEIVE_HIGH_WATER_MARK : CONNECTED_HIGH_WATER_MARK);
  require(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, prefix, strlen(prefix)) == 0, "subscribe");
  if (strncmp(until, prefix, strlen(prefix)) != 0)
    require(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, until, until_size) == 0, "subscribe");
  char bound[256];
  size_t bound_size = sizeof bound;
  if (binds)
    require(zmq_bind(socket, endpoint) == 0, "zmq_bind");
  else
    connect_and_await_handshake(context, socket, endpoint);
  require(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &bound_size) == 0, "last endpoint");
  printf("{\"ready\": \"%s\"}\n", bound);
  fflush(stdout);

  const uint64_t processor_start = processor_us();
  uint64_t messages = 0, frames = 0, bytes = 0, first_ns = 0;
  bool is_first_frame = true, is_last = false, has_ended = false;
  zmq_msg_t message;
  zmq_msg_init(&message);
  while (!stopped && !has_ended) {
    const int size = zmq_msg_recv(&message, socket, 0);
    if (size < 0) {
      require(zmq_errno() == EAGAIN || zmq_errno() == EINTR, "zmq_msg_recv");
      continue;
    }
    if (is_first_frame) {
      if (messages++ == 0) first_ns = monotonic_ns();
      is_last = (size_t)size >= until_size && memcmp(zmq_msg_data(&message), until, until_size) == 0;
    }
    frames++;
    bytes += (uint64_t)size;
    is_first_frame = !zmq_msg_more(&message);
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
  zmq_msg_close(&message);
  zmq_close(socket);
  zmq_ctx_term(context);
  return 0;
}
