// Publishes one measurement of model `fraud`, framed, with cppzmq: c++ -std=c++17 publish.cpp -o publish -lzmq
// TIDEMARK_INGEST names another endpoint than the default.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <zmq.hpp>

// Big-endian, as the header has them.
static void put(std::string &to, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) to.push_back(static_cast<char>(value >> shift & 0xff));
}

// Little-endian, as tensors have them.
static void put(std::string &to, double value) {
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  for (int shift = 0; shift < 64; shift += 8) to.push_back(static_cast<char>(bits >> shift & 0xff));
}

static std::string header(int kind, int frames, std::uint64_t epoch, std::uint64_t seq, std::uint64_t now) {
  std::string made = "TIDE";
  put(made, 1, 1);                                // major
  put(made, 0, 1);                                // minor
  put(made, kind, 1);
  put(made, 1, 1);                                // the descriptor is JSON
  put(made, kind != 8 && seq == 1 ? 4 : 0, 4);    // flags: the first of its epoch
  put(made, frames, 4);
  put(made, epoch, 8);
  put(made, seq, 8);
  put(made, 0, 8);                                // prev: none before on this topic
  put(made, now, 8);                              // event time
  put(made, now, 8);                              // send time
  put(made, 0, 8);
  return made;
}

int main() {
  const char *named = std::getenv("TIDEMARK_INGEST");
  zmq::context_t context;
  zmq::socket_t publisher(context, zmq::socket_type::xpub);
  publisher.set(zmq::sockopt::linger, 1000);
  publisher.connect(named ? named : "tcp://127.0.0.1:7410");
  zmq::message_t subscription;
  if (!publisher.recv(subscription)) return 1;  // the daemon has subscribed

  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                       std::chrono::system_clock::now().time_since_epoch()).count();
  std::string values;
  put(values, 0.71);
  put(values, 150.2);
  publisher.send(zmq::buffer(std::string("metrics/fraud/-/scorer-5")), zmq::send_flags::sndmore);
  publisher.send(zmq::buffer(header(1, 4, now, 1, now)), zmq::send_flags::sndmore);
  publisher.send(
      zmq::buffer(std::string(R"({"metrics":["accuracy","latency_ms"],)"
                              R"("tensors":[{"name":"values","datatype":"FP64","shape":[2]}]})")),
      zmq::send_flags::sndmore);
  publisher.send(zmq::buffer(values));

  publisher.send(zmq::buffer(std::string("bye/-/-/scorer-5")), zmq::send_flags::sndmore);
  publisher.send(zmq::buffer(header(8, 3, now, 1, now)), zmq::send_flags::sndmore);
  publisher.send(zmq::buffer(std::string(R"({"dropped":0})")));
}
