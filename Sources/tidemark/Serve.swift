import ArgumentParser
import Daemon
import Logging

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Watch models: events in, alerts and retrain decisions out.",
    discussion: """
      Binds the ingest socket (SUB, tcp://127.0.0.1:7410) and the output socket (XPUB, \
      tcp://127.0.0.1:7411) and serves until SIGTERM or SIGINT, then stops within 3 s. Without a \
      configuration, models are registered as they appear.

      The log goes to standard error. Its first line, 'ready', names the endpoints as bound, so port 0 \
      can be used; its last, 'stopped', gives the account of the run.

      To publish, five lines of Python:
        import json, zmq
        pub = zmq.Context().socket(zmq.XPUB); pub.connect("tcp://127.0.0.1:7410"); pub.recv()
        event = {"specversion": "1.0", "id": "1", "source": "py", "subject": "fraud",
                 "type": "tidemark.metrics.v1", "data": {"accuracy": 0.91, "latency_ms": 150.2}}
        pub.send_multipart([b"metrics/fraud/-/py", json.dumps(event).encode()])
      """)

  @OptionGroup var options: ConfigurationOptions

  @Option(help: "Also write down everything that is received, for 'replay'; a file that is not there yet.")
  var record: String?

  func run() throws {
    let configuration = try options.load()
    let log = Logger(label: "tidemark") { _ in DaemonLog() }
    try Server(configuration, recording: record, log: log).run().end()
  }
}
