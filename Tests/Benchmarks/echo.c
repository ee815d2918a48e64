/* The floor of latency: libzmq's two hops, and nothing between them.

   usage: echo INGEST OUTPUT

   Binds a SUB and an XPUB like the daemon, and answers every framed message with an alert that names it
   as its cause. Prints one line of JSON when bound; ends at SIGTERM, or after 120 s. */

#include <signal.h>
#include <unistd.h>

#include "framed.h"

static volatile sig_atomic_t stopped = 0;

static void stop(int number) {
  (void)number;
  stopped = 1;
}

static void *bound(void *context, int type, const char *endpoint) {
  void *socket = zmq_socket(context, type);
  require(socket != NULL, "zmq_socket");
  set_option(socket, ZMQ_LINGER, 0);
  set_option(socket, ZMQ_RCVTIMEO, 100);
  if (type == ZMQ_SUB) require(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) == 0, "subscribe");
  require(zmq_bind(socket, endpoint) == 0, "zmq_bind");
  return socket;
}

int main(int count, char **arguments) {
  if (count != 3) fail("usage: echo INGEST OUTPUT");
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  alarm(PATIENCE_S);
  void *context = zmq_ctx_new();
  require(context != NULL, "zmq_ctx_new");
  void *output = bound(context, ZMQ_XPUB, arguments[2]), *ingest = bound(context, ZMQ_SUB, arguments[1]);
  printf("{\"ready\": [\"%s\", \"%s\"]}\n", arguments[1], arguments[2]);
  fflush(stdout);

  uint64_t received = 0;
  int place = 0;
  char answer[64];
  int answer_size = 0;
  zmq_msg_t message;
  zmq_msg_init(&message);
  while (!stopped) {
    if (zmq_msg_recv(&message, ingest, 0) < 0) continue;
    if (place == 1 && zmq_msg_size(&message) == HEADER_BYTES) {
      const uint8_t *header = zmq_msg_data(&message);
      answer_size = snprintf(answer, sizeof answer, "\"%llu-%llu\"", (unsigned long long)big_endian(header + 16),
                             (unsigned long long)big_endian(header + 24));
    }
    place++;
    if (zmq_msg_more(&message)) continue;
    place = 0;
    received++;
    require(zmq_send(output, "alert/probe/-/echo", 18, ZMQ_SNDMORE) >= 0, "zmq_send");
    require(zmq_send(output, answer, (size_t)answer_size, 0) >= 0, "zmq_send");
  }
  printf("{\"received\": %llu, \"rejected\": 0, \"gap\": 0}\n", (unsigned long long)received);
  zmq_msg_close(&message);
  zmq_close(ingest);
  zmq_close(output);
  zmq_ctx_term(context);
  return 0;
}
